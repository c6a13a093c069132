// What a command declares about its flags and arguments, and what parsing yields.

/** How the text of a flag is parsed; see read-flag.ts. */
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

/** Whose name may stand in place of an id; see names.ts. */
export type NameKind =
  | "project"
  | "container"
  | "user"
  | "member"
  | "realm"
  | "token"
  | "alias"
  | "server"
  | "node"
  | "resource";

export interface Flag {
  readonly kind: FlagKind;
  /** One line for the help. */
  readonly about: string;
  readonly required?: boolean;
  /** Where the value goes; unset: `query` of a GET, else `body`. `here`: the command handles it. */
  readonly goesTo?: "body" | "query" | "path" | "if-match" | "here";
  /** Dotted path in the body (`match.method`) or query parameter; unset: the name with `_`. */
  readonly field?: string;
  readonly choices?: readonly string[];
  /** `--no-NAME` sends null. */
  readonly nullable?: boolean;
  /** `-` reads the value from standard input; it is never printed. */
  readonly secret?: boolean;
  readonly hidden?: boolean;
  /** Replaces the flag of all commands with this name, which is then given by its short name, or before the command. */
  readonly own?: true;
  /** Defaults to the container of the settings. */
  readonly orContainer?: boolean;
  /** An id, or the name of such a thing; of a list, each. */
  readonly names?: NameKind;
  /** Placeholder of the value in the help. */
  readonly placeholder?: string;
}

/** By name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

export interface Argument {
  readonly name: string;
  readonly about: string;
  readonly choices?: readonly string[];
  /** Defaults to the container of the settings. */
  readonly orContainer?: boolean;
  /** An id, or the name of such a thing. */
  readonly names?: NameKind;
}

/** Arguments and flags of one command line, read and checked. */
export interface ParsedArguments {
  readonly args: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, unknown>;
}
