// The command `realmgate` as people have it: in a shell, on the PATH, with a home of its own; at a terminal where one is asked for.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const main = resolve(import.meta.dir, "../../src/main.ts");

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** What is typed at a terminal, after the prompt that it answers. */
export interface Typing {
  readonly after: string;
  readonly keys: string;
}

export interface CommandLine extends Disposable {
  /** Folder for files of the test; the home is in it. */
  readonly folder: string;
  readonly home: string;
  /** Runs a line of shell without a terminal. */
  shell(line: string, options?: RunOptions): Promise<Ran>;
  /** Runs `realmgate` with these words, without a shell between. */
  run(words: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Runs a line of shell at a terminal, 80 wide; `out` is what is seen there. */
  atTerminal(line: string, typing: readonly Typing[], options?: RunOptions): Promise<Ran>;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** A promise: it comes when it comes. */
  readonly stdin?: string | Promise<string>;
}

/** `environment` is that of every run. */
export function commandLine(environment: Readonly<Record<string, string>>): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-cli-"));
  const launcher = join(folder, "realmgate");
  writeFileSync(launcher, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(launcher, 0o755);
  const whole = (options: RunOptions) => ({
    PATH: `${folder}:${process.env.PATH}`,
    HOME: folder,
    ...environment,
    ...options.environment,
  });
  const spawn = async (words: string[], options: RunOptions): Promise<Ran> => {
    const child = Bun.spawn(words, {
      env: whole(options),
      cwd: folder,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const feed = async () => {
      child.stdin.write((await options.stdin) ?? "");
      await child.stdin.end();
    };
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      feed(),
    ]);
    return { exit: await child.exited, out, err };
  };
  return {
    folder,
    home: folder,
    shell: (line, options = {}) => spawn(["sh", "-c", line], options),
    run: (words, options = {}) => spawn([process.execPath, main, ...words], options),
    async atTerminal(line, typing, options = {}) {
      const left = [...typing];
      let seen = "";
      let from = 0;
      const decoder = new TextDecoder();
      const child = Bun.spawn(["sh", "-c", line], {
        env: { TERM: "xterm", ...whole(options) },
        cwd: folder,
        terminal: {
          cols: 80,
          rows: 24,
          data(terminal, chunk) {
            seen += decoder.decode(chunk, { stream: true });
            for (let next = left[0]; next !== undefined; next = left[0]) {
              const at = seen.indexOf(next.after, from);
              if (at < 0) return;
              from = at + next.after.length;
              left.shift();
              terminal.write(next.keys);
            }
          },
        },
      });
      return { exit: await child.exited, out: seen, err: "" };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
