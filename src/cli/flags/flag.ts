// What a command declares about its flags and arguments, and what parsing yields.

/** How the text of a flag is read; see read-flag.ts. */
export type FlagKind =
  | "text"
  | "integer"
  | "boolean"
  | "list"
  | "texts"
  | "json"
  | "json-map"
  | "json-file"
  | "text-map"
  | "claims"
  | "time"
  | "access";

export interface Flag {
  readonly kind: FlagKind;
  /** One line for the help. */
  readonly about: string;
  readonly required?: boolean;
  /** Where its value goes; `query` of a GET and `body` of everything else when unset. `here`: the command takes it itself. */
  readonly goesTo?: "body" | "query" | "path" | "if-match" | "here";
  /** Its place in the body, dotted (`match.method`), or in the query; the name with `_` when unset. */
  readonly field?: string;
  readonly choices?: readonly string[];
  /** `--no-NAME` sends null. */
  readonly nullable?: boolean;
  /** `-` reads it from standard input; it is never shown. */
  readonly secret?: boolean;
  readonly hidden?: boolean;
  /** Taken from `--container`, its variable or the file when it is not there. */
  readonly orContainer?: boolean;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
}

/** By name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

export interface Argument {
  readonly name: string;
  readonly about: string;
  readonly choices?: readonly string[];
  /** Taken from `--container` or its variable when it is not there. */
  readonly orContainer?: boolean;
}

/** Arguments and flags of one command line, read and checked. */
export interface ParsedArguments {
  readonly args: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, unknown>;
}
