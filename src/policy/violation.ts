/** One thing that is wrong with a document; `pointer` is a JSON pointer (RFC 6901) into it. */
export interface Violation {
  readonly pointer: string;
  readonly reason: string;
  readonly code: ViolationCode;
}

export type ViolationCode =
  | "INVALID_JWT_CONFIG"
  | "INVALID_IP_RANGE"
  | "INVALID_PASSWORD_CONFIG"
  | "INVALID_TOKEN_CONFIG"
  | "INVALID_PERMISSION_VALUE"
  /** Unknown groups, bad names, limits, and whatever has no code of its own. */
  | "INVALID_PERMISSIONS_DOCUMENT";
