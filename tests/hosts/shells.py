#!/usr/bin/env python3
"""perl and bash starting thousands of children: pipes, substitutions, subshells, background jobs, traps, exec."""
from common import main, version_of

BASH = r"""
sum=0
for ((i = 0; i < N; i++)); do x=$(echo $i); sum=$((sum + x)); done; echo "substitutions $sum"
sum=0
for ((i = 0; i < N / 10; i++)); do (exit $((i % 7))); sum=$((sum + $?)); done; echo "exits $sum"
pids=; for ((i = 0; i < N / 20; i++)); do (sleep 0; exit 3) & pids="$pids $!"; done; n=0
for pid in $pids; do wait $pid; n=$((n + $?)); done; echo "jobs $n"
seq 1 $N | while read -r a; do echo "$a"; done | sort -n | tail -n 1
echo {1..2000} | tr ' ' '\n' | xargs -n 50 -P 4 /bin/echo | wc -l
coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; exec {COPROC[1]}>&-
trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo bye; exit 6' EXIT
declare -A m; for ((i = 0; i < 2000; i++)); do m[k$i]=$i$i; done; echo "${#m[@]} ${m[k77]}"
"""
PERL = r"""
use strict; use warnings; use POSIX ();
my ($n, $sum) = ($ENV{N}, 0);
$| = 1; $SIG{ALRM} = sub { };
for my $i (1 .. $n) {
	my $pid = fork // die; my @kept = map { "x" x 100 } 1 .. 20;
	if (!$pid) { undef @kept; my @more = map { "y" x 50 } 1 .. 20; POSIX::_exit($i % 50) }
	waitpid $pid, 0; $sum += $? >> 8;
}
print "children $sum\n";
my @pids = map { my $k = $_; my $p = fork // die; exit($k % 9) if !$p; $p } 1 .. 100;
my $all = 0; $all += (waitpid($_, 0), $? >> 8)[1] for @pids; print "at once $all\n";
my $lines = 0; for (1 .. $n / 20) { open my $f, "-|", "/bin/echo", "a", "b" or die; $lines += () = <$f>; close $f } print "pipes $lines\n";
my $text = join "", map { chr(97 + $_ % 26) } 1 .. 200000; my $count = () = $text =~ /(abc|xyz)+/g; print "regex $count\n";
my $out = `$^X -e 'print "exec", scalar(\@ARGV)' a b c`; print "$out\n"; system("exit 3;"); print $? >> 8, "\n";
eval { die { code => 5 } }; exit $@->{code};
"""


def work(trial):
    n = str(trial.amount(150, 3000))
    bash = trial.run("bash", "-c", BASH, env={"N": n}, expect=6)
    perl = trial.run("perl", trial.write("program.pl", PERL), env={"N": n}, expect=5)
    return {"bash": bash.stdout, "perl": perl.stdout, "stderr": bash.stderr + perl.stderr}


if __name__ == "__main__":
    main(work, "perl and bash", lambda: f"perl {version_of('perl', '-e', 'print $^V')}, bash {version_of('bash', '--version')}",
         "output and exit codes of scripts with thousands of children", size="4M")
