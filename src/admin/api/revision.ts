// Clients see revisions as opaque tokens: plain numbers would reveal the activity of other tenants.
import type { Committed } from "../store/records.ts";
import type { SecretBox } from "../store/sealed.ts";

const context = "revision";
const NUMBER_BYTES = 8;

export interface RevisionTokens {
  /** What was committed → token; a new one on each call. */
  seal(committed: Committed): string;
  /** Token → what was committed; null when this installation did not issue it. */
  open(token: string): Committed | null;
}

/** The number and its lineage: after a database lost commits the same number may be another write's. */
export function revisionTokens(box: SecretBox): RevisionTokens {
  return {
    seal({ revision, lineage }) {
      const bytes = Buffer.alloc(NUMBER_BYTES);
      bytes.writeBigUInt64BE(BigInt(revision));
      return box
        .seal(Buffer.concat([bytes, Buffer.from(lineage, "hex")]), context)
        .toString("base64url");
    },
    open(token) {
      const bytes = box.open(Buffer.from(token, "base64url"), context);
      if (bytes === null) return null;
      const lineage = bytes.subarray(NUMBER_BYTES).toString("hex");
      return { revision: Number(bytes.readBigUInt64BE()), lineage };
    },
  };
}
