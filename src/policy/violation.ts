/** One fault of a document; `pointer` is a JSON pointer (RFC 6901) into it. */
export interface DocumentViolation {
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
  /** Unknown groups, bad names, limits, and everything without a code of its own. */
  | "INVALID_PERMISSIONS_DOCUMENT";
