// What a command is: words, arguments and flags → one API request and how to show its answer, or a function that runs here.
import type { Argument, Flags, ParsedArguments } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import type { CommandContext } from "./context.ts";

/** One request. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** After `/api/v1`; `{name}` is an argument, or a flag that goes to the path. */
  readonly path: string;
  /** The body made of the flags → the body that is sent. */
  readonly body?: (body: Readonly<Record<string, unknown>>, parsed: ParsedArguments) => unknown;
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
  (
    | { readonly call: Call }
    | { readonly run: (context: CommandContext, parsed: ParsedArguments) => Promise<void> }
  );
