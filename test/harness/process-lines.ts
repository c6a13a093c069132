// Programs that tests start as processes of their own and that tell their port in a line of output.

/** The lines of a stream without their ends; what follows the last one is left out. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

export interface Script extends AsyncDisposable {
  /** Its next line of output; throws when it ended before. */
  line(): Promise<string>;
  readonly pid: number;
}

/** Starts a TypeScript file in a Bun of its own; disposing kills it. */
export function startScript(path: string, ...args: readonly string[]): Script {
  const child = Bun.spawn([process.execPath, path, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  return {
    pid: child.pid,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${path} ended`);
      return value;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
