// The secret keys of an installation: one, or two while one takes the place of the other.
import { deriveKey, openWith, SecretBox, sealWith, type ValueBox } from "./sealed.ts";

/** What a sealed value begins with that names its key; values of earlier versions have neither. */
const MAGIC = Buffer.from("RGK1");
const ID_BYTES = 8;
const HEAD_BYTES = MAGIC.length + ID_BYTES;

/** The first key seals, all of them open. They may be replaced while boxes are in use. */
export class KeyRing {
  #masters: readonly Buffer[];
  #derived = new Map<string, readonly Buffer[]>();
  /** Called when there are other keys. */
  onReplaced: () => void = () => {};

  /** Throws when there is no key, or one that is not 32 bytes. */
  constructor(masters: readonly Buffer[]) {
    this.#masters = checked(masters);
  }

  get masters(): readonly Buffer[] {
    return this.#masters;
  }

  /** The key that seals. */
  get first(): Buffer {
    const [first] = this.#masters;
    if (first === undefined) throw new Error("there is no secret key");
    return first;
  }

  /** Throws as the constructor does; then nothing changes. */
  replace(masters: readonly Buffer[]): void {
    this.#masters = checked(masters);
    this.#derived = new Map();
    this.onReplaced();
  }

  /** Keys for one purpose, in the order of the secret keys. */
  derived(purpose: string): readonly Buffer[] {
    const known = this.#derived.get(purpose);
    if (known !== undefined) return known;
    const derived = this.#masters.map((master) => deriveKey(master, purpose));
    this.#derived.set(purpose, derived);
    return derived;
  }

  /** For what lives as long as a process or a session: nothing in it says which key sealed it. */
  box(purpose: string): SecretBox {
    return new SecretBox(() => this.derived(purpose));
  }

  /** For the values of the database. */
  valueBox(): ValueBox {
    return new KeyedBox(this);
  }
}

function checked(masters: readonly Buffer[]): readonly Buffer[] {
  const isGood = masters.every(({ length }) => length === 32);
  if (!isGood) throw new Error("a secret key has 32 bytes");
  if (masters.length === 0) throw new Error("there is no secret key");
  return masters;
}

/** A key and what its values begin with; empty: those of earlier versions. */
interface Sealer {
  readonly key: Buffer;
  readonly head: Buffer;
}

/** Names the key in each value (AAD, too), and still opens values of earlier versions, which do not. */
class KeyedBox implements ValueBox {
  readonly #ring: KeyRing;
  /** Null: the first key. */
  #chosen: Sealer | null = null;
  #known: { readonly keys: readonly Buffer[]; readonly sealers: readonly Sealer[] } = {
    keys: [],
    sealers: [],
  };

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  get keyIds(): readonly string[] {
    return this.#ring.derived("key-id").map((id) => id.toString("hex", 0, ID_BYTES));
  }

  get #sealers(): readonly Sealer[] {
    const keys = this.#ring.derived("documents");
    if (this.#known.keys === keys) return this.#known.sealers;
    const ids = this.#ring.derived("key-id");
    const sealers = keys.map((key, index) => {
      const id = ids[index] ?? Buffer.alloc(0);
      return { key, head: Buffer.concat([MAGIC, id.subarray(0, ID_BYTES)]) };
    });
    this.#known = { keys, sealers };
    return sealers;
  }

  get #present(): Sealer {
    const [first] = this.#sealers;
    const present = this.#chosen ?? first;
    if (present === undefined) throw new Error("there is no secret key");
    return present;
  }

  seal(plain: Buffer, context: string): Buffer {
    const { key, head } = this.#present;
    return Buffer.concat([head, sealWith(key, plain, aadOf(head, context))]);
  }

  open(sealed: Buffer, context: string): Buffer | null {
    return this.#opened(sealed, context)?.plain ?? null;
  }

  isCurrent(sealed: Buffer, context: string): boolean {
    const { key, head } = this.#present;
    if (head.length > 0) return hasHead(sealed, head);
    return this.#opened(sealed, context)?.sealer.key.equals(key) ?? false;
  }

  sealAs(sealed: Buffer, context: string): boolean {
    const sealer = this.#opened(sealed, context)?.sealer ?? null;
    if (sealer === null) return false;
    this.#chosen = sealer;
    return true;
  }

  #opened(sealed: Buffer, context: string): { plain: Buffer; sealer: Sealer } | null {
    const named = this.#sealers.find(({ head }) => hasHead(sealed, head));
    const candidates =
      named === undefined
        ? this.#sealers.map(({ key }) => ({ key, head: Buffer.alloc(0) }))
        : [named];
    for (const sealer of candidates) {
      const { key, head } = sealer;
      const plain = openWith(key, sealed.subarray(head.length), aadOf(head, context));
      if (plain !== null) return { plain, sealer };
    }
    return null;
  }
}

/** Whether a value says that this key sealed it. */
function hasHead(sealed: Buffer, head: Buffer): boolean {
  return sealed.length > HEAD_BYTES && sealed.subarray(0, HEAD_BYTES).equals(head);
}

function aadOf(head: Buffer, context: string): Buffer {
  return Buffer.concat([head, Buffer.from(context)]);
}
