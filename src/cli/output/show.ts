// How a command shows its answer.
import type { TableOptions } from "./table.ts";

export type Show =
  /** A table. `items`: the field of `data` that has the rows; null: `data` itself. */
  | {
      readonly as: "list";
      readonly items: string | null;
      /** The rows, where the field alone does not have all of them. */
      readonly rows?: (data: unknown) => readonly unknown[];
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
