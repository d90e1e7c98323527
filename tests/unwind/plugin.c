/* An object to be loaded and unloaded; PLUGIN_NUMBER makes several of the same layout and of another build id. */
int plugin_call(void (*leaf)(void));
int plugin_recurse(int depth, void (*leaf)(void));

int plugin_number = PLUGIN_NUMBER;

__attribute__((noinline)) static int inner(void (*leaf)(void))
{
	leaf();
	return plugin_number;
}

int plugin_call(void (*leaf)(void))
{
	return inner(leaf) + 1;
}

__attribute__((noinline)) int plugin_recurse(int depth, void (*leaf)(void))
{
	volatile int kept[3] = { depth };

	if (depth == 0)
		leaf();
	else
		kept[1] = plugin_recurse(depth - 1, leaf);
	return kept[0] + kept[1];
}
