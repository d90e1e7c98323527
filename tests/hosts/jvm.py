#!/usr/bin/env python3
"""A JVM server: compiled from source at its start, threads, direct buffers, compression, under wrk."""
import web
from common import main, version_of

SERVER = """
import com.sun.net.httpserver.*;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.Executors;
import java.util.zip.*;

public class Server {
	static final List<ByteBuffer> kept = Collections.synchronizedList(new ArrayList<>());

	static byte[] answer(String path) throws Exception {
		StringBuilder text = new StringBuilder();
		for (int i = 0; i < 2000; i++)
			text.append(path).append(' ').append(i).append('\\n');
		byte[] plain = text.toString().getBytes();
		if (path.startsWith("/direct")) {
			ByteBuffer b = ByteBuffer.allocateDirect(100000);
			b.put(plain, 0, 5000);
			if (kept.size() < 200)
				kept.add(b);
		}
		CRC32 sum = new CRC32();
		Deflater d = new Deflater();
		byte[] small = new byte[plain.length];
		d.setInput(plain);
		d.finish();
		int n = d.deflate(small);
		d.end();
		sum.update(small, 0, n);
		return (path + " " + n + " " + sum.getValue()).getBytes();
	}

	public static void main(String[] args) throws Exception {
		HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 100);
		s.createContext("/", e -> {
			try {
				byte[] body = answer(e.getRequestURI().getPath());
				e.sendResponseHeaders(200, body.length);
				e.getResponseBody().write(body);
				e.close();
			} catch (java.io.IOException gone) { // wrk leaves in the middle of an answer
				e.close();
			} catch (Exception x) {
				x.printStackTrace();
			}
		});
		s.setExecutor(Executors.newFixedThreadPool(8));
		s.start();
	}
}
"""


def work(trial):
    port = trial.free_port()
    source = trial.write("Server.java", SERVER)
    server = trial.start("java", "-Xmx128m", source, str(port))
    trial.wait_port(port, server)
    paths = ["/a", "/direct/1", "/b"]
    before = [web.get(port, p) for p in paths]
    loads = [web.Load(trial, f"http://127.0.0.1:{port}{p}", trial.amount(1, 8), connections=8) for p in ("/x", "/direct/2")]
    ended = [load.end() for load in loads]
    trial.look()
    after = [web.get(port, p) for p in paths]
    code = trial.stop(server)
    return {"answers": before, "answers after the load": after, "load": ended, "exit": code,
            "said": [line for line in trial.read(server.log).splitlines() if "Picked up" not in line]}


if __name__ == "__main__":
    main(work, "JVM server", lambda: version_of("java", "-version"),
         "answers before and after a load, every request of wrk, what it prints, exit",
         note="the Java heap is the JVM's own and not seen; its native memory is", size="64M", blind="Java objects cannot be seen")
