// What a CORS preflight (Fetch §3.2.2) is told about request headers.
const always = "Authorization, Content-Type, If-Match";

/** Longest list that is answered in kind. */
const charactersMax = 2048;
const headerNames = /^[\w!#$%&'*+.^`|~-]+(?:, *[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * `Access-Control-Request-Headers` → `Access-Control-Allow-Headers`: what is asked for. Credentials of the API are never sent by
 * a browser on its own, so no header is kept from any origin. Without a well-formed list: those that the API reads.
 */
export function allowedHeaders(asked: string | null): string {
  if (asked === null || asked.length > charactersMax || !headerNames.test(asked)) return always;
  return `${always}, ${asked}`;
}
