// Cursors: where a reader stands in a list, as opaque tokens. The plain position would reveal the activity of other tenants.
import type { ListPosition } from "../store/paging.ts";
import type { SecretBox } from "../store/sealed.ts";

/** A list: a cursor opens only for the method, user and filters that it was sealed for. */
export type ListKey = readonly [
  method: string,
  userId: string,
  ...filters: (string | boolean | null | undefined)[],
];

/** What a cursor keeps, so that its reader need not repeat it. */
export interface CursorState {
  readonly sortBy: string;
  readonly sortOrder: "asc" | "desc";
  /** The number of the page that follows, from 1. */
  readonly page: number;
  readonly after: ListPosition;
}

export interface ListCursors {
  /** State → token; a new one on each call. Its length depends on nothing but what the caller has seen. */
  seal(list: ListKey, state: CursorState): string;
  /** Token → state; null when this installation did not issue it for this list. */
  open(list: ListKey, token: string): CursorState | null;
}

/** Digits of every sequence: a shorter number would show in the length of the token. */
const sequenceDigits = 16;

export function listCursors(box: SecretBox): ListCursors {
  const contextOf = (list: ListKey) => `cursor/${JSON.stringify(list)}`;
  return {
    seal(list, { sortBy, sortOrder, page, after }) {
      const sequence = String(after.sequence).padStart(sequenceDigits, "0");
      const text = JSON.stringify([sortBy, sortOrder, page, after.value, sequence]);
      return box.seal(Buffer.from(text), contextOf(list)).toString("base64url");
    },
    open(list, token) {
      const text = box.open(Buffer.from(token, "base64url"), contextOf(list));
      if (text === null) return null;
      const [sortBy, sortOrder, page, value, sequence] = JSON.parse(text.toString());
      return { sortBy, sortOrder, page, after: { value, sequence: Number(sequence) } };
    },
  };
}
