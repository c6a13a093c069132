/**
 * A request target in origin form (RFC 9112 §3.2.1): a path that begins with `/`, and perhaps a query. Kept as the text that
 * was received; these functions are the only place that splits it.
 */
export type RequestTarget = string;

/** The part before the first `?`. */
export function pathOf(target: RequestTarget): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}

/** The part after the first `?`; empty when there is no query. */
export function queryOf(target: RequestTarget): string {
  const question = target.indexOf("?");
  return question === -1 ? "" : target.slice(question + 1);
}

/** Joins path and query; an empty query leaves out its `?`. */
export function joinTarget(path: string, query: string): RequestTarget {
  return query === "" ? path : `${path}?${query}`;
}

/** Cuts off `#` and what follows: a fragment is for the client and no part of a request (RFC 3986 §3.5). */
export function withoutFragment(target: string): RequestTarget {
  const fragment = target.indexOf("#");
  return fragment === -1 ? target : target.slice(0, fragment);
}
