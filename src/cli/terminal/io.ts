// What a command reads and writes: data on stdout, everything else on stderr.

export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly stdout: Out;
  readonly stderr: Out;
  readonly stdin: In;
}

export interface Out {
  readonly isTerminal: boolean;
  /** Characters a line; null where nobody looks. */
  readonly columns: number | null;
  write(text: string): void;
}

export interface In {
  readonly isTerminal: boolean;
  /** Everything up to its end. */
  text(): Promise<string>;
  /** One line typed at the terminal. Null: its end (Ctrl-D); `interrupted`: Ctrl-C. */
  line(options: { readonly echo: boolean }): Promise<string | null | "interrupted">;
}
