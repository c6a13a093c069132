import { createHash } from "node:crypto";
import { type CompiledPolicy, compile } from "./compile.ts";
import {
  documentText,
  type ParsedDocument,
  type PermissionMessage,
  parseDocument,
  readDocumentText,
} from "./document.ts";

/** Compiled, or why it could not be. */
export type Compiled =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problem: string };

/**
 * A permission document in every form that is needed of it, each made at most once: the text that the store, the feed and the
 * snapshot carry, its digest, the message, and the compiled policy.
 */
export class StoredDocument {
  /** A document that was found good: what is stored compiles. */
  static accepted({ document, normal }: Extract<ParsedDocument, { ok: true }>): StoredDocument {
    const stored = new StoredDocument(documentText(normal));
    stored.#message = normal;
    stored.#compiled = { ok: true, policy: compile(document) };
    return stored;
  }

  /** What was stored earlier; nothing is parsed yet. */
  static read(text: string): StoredDocument {
    return new StoredDocument(text);
  }

  /** JSON. */
  readonly text: string;
  #digest: string | null = null;
  #message: PermissionMessage | null = null;
  #compiled: Compiled | null = null;

  private constructor(text: string) {
    this.text = text;
  }

  /** SHA-256 of the text, in lower-case hex. */
  get digest(): string {
    this.#digest ??= createHash("sha256").update(this.text).digest("hex");
    return this.#digest;
  }

  /** Not to be changed. Throws when the text is not a permission document. */
  get message(): PermissionMessage {
    this.#message ??= readDocumentText(this.text);
    return this.#message;
  }

  /** Never throws: one bad document must not take others with it. */
  get compiled(): Compiled {
    this.#compiled ??= this.#compile();
    return this.#compiled;
  }

  #compile(): Compiled {
    try {
      const parsed = parseDocument(this.message);
      if (parsed.ok) {
        return { ok: true, policy: compile(parsed.document) };
      }
      const violations = parsed.violations.map(({ pointer, reason }) => `${pointer} ${reason}`);
      return { ok: false, problem: violations.join("; ") };
    } catch (error) {
      return { ok: false, problem: String(error) };
    }
  }
}
