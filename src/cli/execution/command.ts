// What a command is: words, arguments and flags → one API request and how to show its answer, or a function that runs here.
import type { Argument, Flags, ParsedArguments } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import type { GlobalName } from "../settings/global-flags.ts";
import type { CommandContext } from "./context.ts";

/** One request. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** After `/api/v1`; `{name}` is an argument or a path flag. */
  readonly path: string;
  /** Transforms the body that the flags make into the body to send. */
  readonly body?: (body: Readonly<Record<string, unknown>>, parsed: ParsedArguments) => unknown;
  readonly show: Show;
  /** Looks at the answer once it was shown; throws CommandFailure. */
  readonly after?: (data: unknown, parsed: ParsedArguments) => void;
  /** Whether the call writes a permission document and requires its version. */
  readonly versioned?: boolean;
  /** Warnings of its answer are said with `-q`, too. */
  readonly warns?: boolean;
}

interface Described {
  /** `projects create` */
  readonly words: string;
  /** Other spellings of the whole command. */
  readonly aliases?: readonly string[];
  readonly about: string;
  /** A working command line, without the leading `realmgate`. */
  readonly example: string;
  readonly args?: readonly Argument[];
  readonly flags?: Flags;
  /** Flags of all commands that its help lists, too. */
  readonly shows?: readonly GlobalName[];
  /** What the command deletes, for the confirmation question; `--yes` skips it. Required for every DELETE. */
  readonly destroys?: string;
  /** It is about the container of the settings, beside those whose path or arguments say so. */
  readonly takesContainer?: boolean;
  /** It changes nothing, though it does not call a GET: names may lead to what is in projects of other accounts. */
  readonly looks?: true;
  /**
   * A flag whose absence means something that nobody may do by accident: a person is asked at a terminal; without one, and with
   * `--yes`, which answers other questions, the flag is required. `question` is a sentence.
   */
  readonly unsaid?: {
    readonly flag: string;
    readonly question: string;
    readonly otherwise: string;
  };
}

export type Command = Described &
  (
    | { readonly call: Call }
    | { readonly run: (context: CommandContext, parsed: ParsedArguments) => Promise<void> }
  );
