// Clients see revisions as opaque tokens: plain numbers would reveal the activity of other tenants.
import type { SecretBox } from "../store/sealed.ts";

const context = "revision";

export interface RevisionTokens {
  /** Revision → token; a new one on each call. */
  seal(revision: number): string;
  /** Token → revision; null when this installation did not issue it. */
  open(token: string): number | null;
}

export function revisionTokens(box: SecretBox): RevisionTokens {
  return {
    seal(revision) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(revision));
      return box.seal(bytes, context).toString("base64url");
    },
    open(token) {
      const bytes = box.open(Buffer.from(token, "base64url"), context);
      return bytes === null ? null : Number(bytes.readBigUInt64BE());
    },
  };
}
