// Credentials of groups in a container's permission document, and how a request to a program carries them.

/**
 * `jwt`: a group's JSON Web Token. `password`: HTTP Basic. `token`: a fixed token. A JWT or token is sent in `header` (default
 * `Authorization`, after `Bearer`), in `cookie` (not from browsers), or, for tokens, in the query parameter `param`.
 */
export type ProgramCredential =
  | {
      readonly type: "jwt";
      readonly token: string;
      readonly header?: string;
      readonly cookie?: string;
    }
  | { readonly type: "password"; readonly username: string; readonly password: string }
  | {
      readonly type: "token";
      readonly value: string;
      readonly header?: string;
      readonly cookie?: string;
      readonly param?: string;
    };

/** Adds the credential to the headers or to the URL. */
export function attach(credential: ProgramCredential, url: URL, headers: Headers): void {
  if (credential.type === "password") {
    const { username, password } = credential;
    const bytes = new TextEncoder().encode(`${username}:${password}`);
    headers.set("authorization", `Basic ${btoa(String.fromCharCode(...bytes))}`);
    return;
  }
  const value = credential.type === "jwt" ? credential.token : credential.value;
  const { header, cookie } = credential;
  if (credential.type === "token" && credential.param !== undefined) {
    url.searchParams.set(credential.param, value);
  } else if (cookie !== undefined) {
    const before = headers.get("cookie");
    headers.set("cookie", `${before === null ? "" : `${before}; `}${cookie}=${value}`);
  } else if (header === undefined || header.toLowerCase() === "authorization") {
    headers.set("authorization", `Bearer ${value}`);
  } else headers.set(header, value);
}
