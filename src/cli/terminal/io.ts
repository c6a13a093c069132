// Streams of a command: data goes to stdout, everything else to stderr.

export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly stdout: Out;
  readonly stderr: Out;
  readonly stdin: In;
  /** Writes the text to stderr should the process be ended, until the function that it returns is called. */
  atExit(text: string): () => void;
}

export interface Out {
  readonly isTerminal: boolean;
  /** Characters per line; null: not a terminal. */
  readonly columns: number | null;
  write(text: string): void;
}

export interface In {
  readonly isTerminal: boolean;
  /** Reads to the end. */
  text(): Promise<string>;
  /** Reads one line from the terminal. Null: end of input (Ctrl-D); `interrupted`: Ctrl-C. */
  line(options: { readonly echo: boolean }): Promise<string | null | "interrupted">;
}
