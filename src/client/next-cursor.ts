// Where an answer names the cursor of the page that follows.

interface Paged {
  /** Of the exchange log; null at the end. */
  readonly cursor?: string | null;
  readonly next_cursor?: string;
  readonly pagination?: { readonly next_cursor?: string };
}

/** In `pagination`; beside the list where a list has no pages; beside `data` where that is the list. Undefined at the end. */
export function nextCursor(answer: Pick<Paged, "next_cursor"> & { readonly data: unknown }) {
  const { next_cursor, pagination, cursor } = (answer.data ?? {}) as Paged;
  return answer.next_cursor ?? next_cursor ?? pagination?.next_cursor ?? cursor ?? undefined;
}
