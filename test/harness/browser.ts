// A real browser on one page, over its DevTools protocol: what it asks for, what it complains of, what it shows.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where a browser is; null: there is none. */
export const browserPath: string | null = paths.find((path) => existsSync(path)) ?? null;

export interface Page extends AsyncDisposable {
  /** Every URL that the page asked for. */
  readonly asked: readonly string[];
  /** What the console has: errors, and what the content security policy stopped. */
  readonly complaints: readonly string[];
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** Resolves once the expression is true in the page; rejects after the deadline, in milliseconds. */
  until(expression: string, deadlineMs: number): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol's own shapes.
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol's own shapes.
  readonly result?: any;
}

/** Opens a URL in a new browser with nothing remembered. */
export async function openPage(url: string): Promise<Page> {
  if (browserPath === null) throw new Error("there is no browser");
  const profile = mkdtempSync(join(tmpdir(), "realmgate-browser-"));
  const child = Bun.spawn(
    [
      browserPath,
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--no-first-run",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "about:blank",
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  const socket = await connected(await debuggerUrl(child.stderr));
  const asked: string[] = [];
  const complaints: string[] = [];
  const waiting = new Map<number, (message: Message) => void>();
  socket.onmessage = ({ data }) => {
    const message: Message = JSON.parse(String(data));
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const { method, params } = message;
    if (method === "Network.requestWillBeSent") asked.push(params.request.url);
    if (method === "Log.entryAdded") complaints.push(params.entry.text);
    if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.text);
  };
  let calls = 0;
  const send = (method: string, params: object, sessionId?: string): Promise<Message["result"]> => {
    const id = ++calls;
    const { promise, resolve } = Promise.withResolvers<Message>();
    waiting.set(id, resolve);
    socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    return promise.then(({ result }) => result);
  };
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  for (const domain of ["Network", "Log", "Runtime", "Page"]) {
    await send(`${domain}.enable`, {}, sessionId);
  }
  await send("Page.navigate", { url }, sessionId);
  const evaluate = async (expression: string) => {
    const answer = await send("Runtime.evaluate", { expression, returnByValue: true }, sessionId);
    return answer?.result?.value;
  };
  return {
    asked,
    complaints,
    evaluate,
    async until(expression, deadlineMs) {
      const end = performance.now() + deadlineMs;
      while ((await evaluate(expression)) !== true) {
        if (performance.now() > end) throw new Error(`never: ${expression}; ${complaints}`);
        await Bun.sleep(50);
      }
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      child.kill("SIGKILL");
      await child.exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function debuggerUrl(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stderr) {
    text += decoder.decode(chunk, { stream: true });
    const url = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the browser did not start: ${text}`);
}

function connected(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.onopen = () => resolve(socket);
  socket.onerror = () => reject(new Error(`no connection to ${url}`));
  return promise;
}
