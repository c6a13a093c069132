// Responses that show that a connection, not a request, is being authenticated.
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { Known } from "../../../http1/known-header.ts";

/** Schemes that authenticate connections, at the start of a challenge or behind a comma (RFC 4559 §4, [MS-NTHT]). */
const BINDING = /(?:^|,)[ \t]*(?:ntlm|negotiate|kerberos|nego2|pku2u|credssp)(?![^\s,])/i;

/** Whether a challenge of the response belongs to its connection: whoever gets that next might be answered as this client. */
export function bindsConnection(head: HeaderLines): boolean {
  const { "www-authenticate": challenge } = Known;
  for (let line = head.find(challenge); line !== -1; line = head.find(challenge, line + 1)) {
    if (BINDING.test(head.value(line))) return true;
  }
  return false;
}
