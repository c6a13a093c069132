// What a person opens in a browser: a shell, a page with a WebSocket, a file listing, a stream of events. In one server, told
// apart by the program that the gate names.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Session {
  readonly program: string;
  shell: Bun.Subprocess<"pipe", "pipe", "pipe"> | null;
}

const page = (title: string, script: string) =>
  new Response(
    `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>
<input id="line" autofocus><pre id="out"></pre><p id="state">opening</p><script>
const out = document.getElementById("out");
const state = document.getElementById("state");
const line = document.getElementById("line");
${script}
</script>`,
    { headers: { "content-type": "text/html; charset=utf-8" } },
  );

const socketScript = `const socket = new WebSocket(location.href.replace(/^http/, "ws"), ["kit"]);
socket.onopen = () => { state.textContent = "open " + socket.protocol; };
socket.onclose = ({ code, reason }) => { state.textContent = "closed " + code + " " + reason; };
socket.binaryType = "arraybuffer";
socket.onmessage = ({ data }) => { out.textContent += typeof data === "string" ? data : new TextDecoder().decode(data); };
line.onkeydown = ({ key }) => { if (key === "Enter") { socket.send(line.value + "\\n"); line.value = ""; } };`;

const eventsScript = `const events = new EventSource("/events");
events.onopen = () => { state.textContent = "open"; };
events.onmessage = ({ data }) => { out.textContent += data + "\\n"; };
events.onerror = () => { state.textContent = events.readyState === EventSource.CLOSED ? "closed" : "broken off"; };`;

async function* ticks(): AsyncGenerator<string> {
  for (let i = 1; ; i++) {
    yield `data: tick ${i}\n\n`;
    await Bun.sleep(50);
  }
}

/** Starts it; `stop` ends its shells and removes its files. */
export function startBrowserUpstream(): { readonly port: number; stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-files-"));
  writeFileSync(join(folder, "notes.txt"), "some notes\n");
  const shells = new Set<Bun.Subprocess>();
  const pages: Readonly<Record<string, (path: string) => Response>> = {
    terminal: () => page("shell", socketScript),
    code: () => page("notebook", socketScript),
    files: (path) =>
      path === "/"
        ? page(
            "files",
            `out.innerHTML = ${JSON.stringify(
              readdirSync(folder)
                .map((name) => `<a href="/${name}">${name}</a>`)
                .join("\n"),
            )}`,
          )
        : new Response(Bun.file(join(folder, path.replaceAll("..", "")))),
    logs: (path) =>
      path === "/events"
        ? new Response(ticks() as unknown as ReadableStream, {
            headers: { "content-type": "text/event-stream" },
          })
        : page("events", eventsScript),
  };
  const server = Bun.serve<Session, never>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch(request, self) {
      const program = request.headers.get("x-realmgate-program") ?? "";
      if (request.headers.get("upgrade") === "websocket") {
        const headers = { "sec-websocket-protocol": "kit" };
        return self.upgrade(request, { data: { program, shell: null }, headers })
          ? undefined
          : new Response(null, { status: 400 });
      }
      const { pathname } = new URL(request.url);
      if (pathname === "/favicon.ico") return new Response(null, { status: 204 });
      return pages[program]?.(pathname) ?? new Response("what is that?", { status: 404 });
    },
    websocket: {
      open(socket) {
        if (socket.data.program !== "terminal") return;
        const shell = Bun.spawn(["sh", "-i"], {
          cwd: folder,
          env: { PATH: process.env.PATH, PS1: "$ " },
          stdin: "pipe",
          stdout: "pipe",
          stderr: "pipe",
        });
        shells.add(shell);
        socket.data.shell = shell;
        for (const stream of [shell.stdout, shell.stderr]) {
          void (async () => {
            for await (const chunk of stream) socket.sendBinary(chunk as Uint8Array<ArrayBuffer>);
          })();
        }
      },
      message(socket, message) {
        const { shell } = socket.data;
        if (shell === null) {
          socket.send(message);
        } else {
          shell.stdin.write(message);
          void shell.stdin.flush();
        }
      },
      close: (socket) => socket.data.shell?.kill("SIGKILL"),
    },
  });
  return {
    port: server.port ?? 0,
    async stop() {
      for (const shell of shells) shell.kill("SIGKILL");
      await server.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
