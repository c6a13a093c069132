// Where an answer names the cursor of the page that follows.

interface Paged {
  /** Of the exchange log; null at the end. */
  readonly cursor?: string | null;
  readonly next_cursor?: string;
  readonly pagination?: { readonly next_cursor?: string };
}

/**
 * The cursor to read on with, after a page of so many entries that was asked for with `asked`. Undefined at the end: an empty page,
 * but for the exchange log, whose pages may be empty and not be the last; read forward it has a cursor at its end, too, the one
 * that was asked for.
 */
export function cursorAfter(
  answer: Pick<Paged, "next_cursor"> & { readonly data: unknown },
  entries: number,
  asked: unknown,
): string | undefined {
  const next = nextCursor(answer);
  const isOfLog = ((answer.data ?? {}) as Paged).cursor === next;
  return next === asked || (entries === 0 && !isOfLog) ? undefined : next;
}

/** In `pagination`; beside the list where a list has no pages; beside `data` where that is the list. Undefined at the end. */
export function nextCursor(answer: Pick<Paged, "next_cursor"> & { readonly data: unknown }) {
  const { next_cursor, pagination, cursor } = (answer.data ?? {}) as Paged;
  return answer.next_cursor ?? next_cursor ?? pagination?.next_cursor ?? cursor ?? undefined;
}
