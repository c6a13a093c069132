// The page that people see in a browser when a request is refused.
import { createHash } from "node:crypto";
import { isByPort } from "../../policy/program.ts";
import type { RefusalReason, RefusalText } from "./refusal.ts";

/** The program that the request named in its Host: nothing that its sender did not write. Null: an alias, or none. */
export type NamedProgram = { readonly program: string; readonly instance: number } | null;

/** What happened, and what to do, for people. `{app}` stands for the program. */
interface PageText {
  readonly heading: string;
  readonly advice: string;
}

const AGAIN = "Try again in a moment.";
const OWNER = "Ask whoever gave you this address.";
const FORBIDDEN = {
  heading: "You may not open this",
  advice: "Access is denied. If you think you should have it, ask the owner of this app.",
};

/** Where nothing stands here, the message of the refusal is the heading. The same for everybody: no text knows of groups. */
const TEXTS: { readonly [Reason in RefusalReason]?: PageText } = {
  bad_host: { heading: "This address cannot be read", advice: "Check it for typing errors." },
  bad_request: { heading: "This request cannot be read", advice: OWNER },
  unknown_host: {
    heading: "There is nothing at this address",
    advice: "Check it for typing errors.",
  },
  misdirected: {
    heading: "This address needs a connection of its own",
    advice: "Close this page, then open the address again.",
  },
  https_required: {
    heading: "This address is served over HTTPS",
    advice: "Your browser goes there by itself. If it does not, write https:// before the address.",
  },
  no_container: { heading: "This app is not available", advice: OWNER },
  disabled: {
    heading: "Access is switched off",
    advice: "The owner of this app has switched it off for everybody. Try again later.",
  },
  policy_error: {
    heading: "Access cannot be checked",
    advice: "The rules for this app cannot be applied. Its owner has to correct them.",
  },
  stale: { heading: "Access cannot be checked", advice: AGAIN },
  no_upstream: { heading: "{app} is not available here", advice: OWNER },
  overloaded: { heading: "Too many requests at the moment", advice: AGAIN },
  cut_off: { heading: "The connection was ended", advice: "Reload this page." },
  too_many_failures: {
    heading: "Too many wrong passwords or tokens",
    advice: "They came from your network. Wait a minute, then try again.",
  },
  unauthenticated: {
    heading: "You have to sign in",
    advice: "This app asks for a password or a token. Its owner can give you one.",
  },
  not_granted: FORBIDDEN,
  denied: FORBIDDEN,
  upstream_unreachable: {
    heading: "{app} is not running",
    advice: "It did not answer properly. If it is yours, start it; then reload this page.",
  },
  upstream_timeout: { heading: "{app} took too long to answer", advice: AGAIN },
  curl_busy: { heading: "Too many calls at the moment", advice: AGAIN },
  internal_error: { heading: "Something failed in the gate", advice: AGAIN },
};

/** `401` has one text, whatever the reason: that a credential would help is all it says. */
export function pageTextOf(reason: RefusalReason, { status, message }: RefusalText): PageText {
  const own = status === 401 ? TEXTS.unauthenticated : TEXTS[reason];
  return own ?? { heading: message, advice: OWNER };
}

const STYLE = [
  ":root{color-scheme:light dark}",
  "body{margin:0;padding:12vh 1.5rem 3rem;font:1rem/1.55 system-ui,sans-serif;color:#1c2430;background:#f7f8fa}",
  "main{max-width:34rem;margin:0 auto;overflow-wrap:anywhere}",
  "h1{font-size:1.65rem;line-height:1.25;margin:.3rem 0 1rem}",
  "p{margin:0 0 1rem}",
  ".small{color:#566070;font-size:.875rem}",
  "code{font:.9375rem ui-monospace,monospace;user-select:all}",
  "hr{border:0;border-top:1px solid #d5dae1;margin:2rem 0 1rem}",
  "@media(prefers-color-scheme:dark){body{color:#e4e8ee;background:#14181f}.small{color:#9aa5b4}hr{border-color:#333b47}}",
].join("");

/** Only this style: no script, no image, no form, nothing from anywhere. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;

/** The page before and after the request id. */
export function refusalPage(
  reason: RefusalReason,
  text: RefusalText,
  detail: string | null,
  named: NamedProgram,
): readonly [string, string] {
  const status = `${text.status} ${text.error}`;
  const { heading, advice } = pageTextOf(reason, text);
  const title = escaped(heading.replace("{app}", () => appOf(named)));
  const more = detail === null ? "" : `<p>${escaped(detail)}</p>`;
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
      '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">' +
      `<style>${STYLE}</style></head><body><main><p class="small">${status}</p><h1>${title}</h1><p>${advice}</p>${more}<hr>` +
      '<p class="small">If you ask for help, give this number. With it the owner of this app finds what happened.<br>Number of this request: <code>',
    "</code></p></main></body></html>\n",
  ];
}

function appOf(named: NamedProgram): string {
  if (named === null) return "The app";
  const { program, instance } = named;
  return isByPort(program) ? `The app on port ${instance}` : `The program ${program}-${instance}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
