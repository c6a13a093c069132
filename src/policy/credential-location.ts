/** A place where a request can carry a credential. Header names are lower case. */
export interface CredentialLocation {
  readonly kind: "header" | "cookie" | "param";
  readonly name: string;
}

/** Where HTTP Basic and Bearer credentials are sent (RFC 9110 §11.6.2). */
export const AUTHORIZATION: CredentialLocation = { kind: "header", name: "authorization" };

export function isAuthorization({ kind, name }: CredentialLocation): boolean {
  return kind === AUTHORIZATION.kind && name === AUTHORIZATION.name;
}
