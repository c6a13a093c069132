// Io over the standard streams of the process.
import { writeSync } from "node:fs";
import { homedir } from "node:os";
import type { In, Io, Out } from "./io.ts";

/** Reading stops after this many characters. */
const stdinCharactersMax = 1_000_000;
const STDERR = 2;
/** Those that end a process without a word, and their numbers. An interrupt has a handler of its own. */
const ENDING = { SIGHUP: 1, SIGTERM: 15 } as const;

export function processIo(): Io {
  return {
    environment: process.env,
    home: homedir(),
    stdout: outOf(process.stdout),
    stderr: outOf(process.stderr),
    stdin: standardIn(),
    atExit,
  };
}

function atExit(text: string): () => void {
  const say = () => void writeSync(STDERR, text);
  const end = (name: string) => process.exit(128 + ENDING[name as keyof typeof ENDING]);
  process.once("exit", say);
  for (const name of Object.keys(ENDING)) process.once(name, end);
  return () => {
    process.off("exit", say);
    for (const name of Object.keys(ENDING)) process.off(name, end);
  };
}

function outOf(stream: NodeJS.WriteStream): Out {
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns || 80 : null,
    write: (text) => void stream.write(text),
  };
}

function standardIn(): In {
  return {
    isTerminal: process.stdin.isTTY === true,
    async text() {
      let text = "";
      process.stdin.setEncoding("utf8");
      for await (const chunk of process.stdin) {
        text += chunk;
        if (text.length > stdinCharactersMax) break;
      }
      return text;
    },
    line: ({ echo }) => (echo ? echoedLine() : hiddenLine()),
  };
}

/** Reads a line that the terminal echoes and lets people edit. */
function echoedLine(): Promise<string | null> {
  return new Promise((resolve) => {
    let text = "";
    const take = (chunk: string) => {
      text += chunk;
      if (text.includes("\n")) done(text.split(/\r?\n/)[0] ?? "");
    };
    const end = () => done(text === "" ? null : text);
    const done = (line: string | null) => {
      process.stdin.off("data", take).off("end", end).pause();
      resolve(line);
    };
    process.stdin.setEncoding("utf8").on("data", take).on("end", end).resume();
  });
}

/** Reads key by key without echo. One chunk may hold a whole paste. */
function hiddenLine(): Promise<string | null | "interrupted"> {
  return new Promise((resolve) => {
    const keys: string[] = [];
    process.stdin.setRawMode(true);
    const done = (line: string | null | "interrupted") => {
      process.stdin.off("data", take).off("end", end).setRawMode(false);
      process.stdin.pause();
      process.stderr.write("\n");
      resolve(line);
    };
    const take = (chunk: string) => {
      for (const key of chunk) {
        if (key === "\u0003") return done("interrupted");
        if (key === "\u0004" && keys.length === 0) return done(null);
        if (key === "\r" || key === "\n") return done(keys.join(""));
        if (key === "\u007f" || key === "\b") keys.pop();
        else if (key >= " ") keys.push(key);
      }
    };
    const end = () => done(null);
    process.stdin.setEncoding("utf8").on("data", take).on("end", end).resume();
  });
}
