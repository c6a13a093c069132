// What proves to the gate who one is (a group of the container's document), as it goes on a request to a program.

/**
 * `jwt`: a group's JSON Web Token. `password`: HTTP Basic. `token`: a fixed token. Where a JWT or token goes: `header`
 * (default `Authorization`, which carries it after `Bearer`), `cookie` (not from browsers), for tokens also `param`.
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

/** Puts the credential on the request: in its headers, or its URL. */
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
