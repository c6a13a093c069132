// What a command is: words, arguments and flags → one request and how to show its answer, or something done here.
import type { Context } from "./context.ts";
import type { TableOptions } from "./output/table.ts";

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

/** What was said on the command line, read. */
export interface Given {
  readonly args: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, unknown>;
}

export type Show =
  /** A table. `items`: the field of `data` that has the rows; null: `data` itself. */
  | {
      readonly as: "list";
      readonly items: string | null;
      readonly columns: readonly string[];
      /** Further columns of `-o wide`. */
      readonly wide?: readonly string[];
      /** What `-q` prints of each; `id` when unset. */
      readonly id?: string;
    }
  /** Names and values. `of`: the field of `data` that has them; `data` itself when unset. */
  | {
      readonly as: "record";
      readonly of?: string;
      readonly fields?: readonly string[];
      readonly id?: string;
    }
  /** A text of its own for people; other outputs have `data`. */
  | {
      readonly as: "text";
      readonly text: (data: unknown, options: TableOptions) => readonly string[];
      /** What `-q` prints: a field of `data`. */
      readonly id: string;
    }
  /** Nothing but the server's message, on stderr. */
  | { readonly as: "done" };

/** One request. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** After `/api/v1`; `{name}` is an argument, or a flag that goes to the path. */
  readonly path: string;
  /** The body made of the flags → the body that is sent. */
  readonly body?: (body: Readonly<Record<string, unknown>>, given: Given) => unknown;
  readonly show: Show;
  /** Whether it writes a permission document, and so names its version. */
  readonly versioned?: boolean;
}

interface Described {
  /** `projects create` */
  readonly words: string;
  /** Other spellings of all the words. */
  readonly aliases?: readonly string[];
  readonly about: string;
  /** A line that works, without the `realmgate` before it. */
  readonly example: string;
  readonly args?: readonly Argument[];
  readonly flags?: Flags;
  /** Asked before it is done, unless `--yes`; every DELETE asks, so this is how it is called. */
  readonly destroys?: string;
}

export type Command = Described &
  ({ readonly call: Call } | { readonly run: (context: Context, given: Given) => Promise<void> });
