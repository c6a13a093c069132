// Sets of addresses, compiled from networks: trusted proxies, addresses of containers, where a token may be used from.
import type { Address, Network } from "./address.ts";
import { type AddressKey, keyOf, rangeOf, wordsOf } from "./ip-range.ts";
import {
  comparePrefixes,
  longestPrefix,
  maskedPrefix,
  type Prefix,
  type PrefixTrie,
  prefixTrie,
} from "./prefix-trie.ts";

/** Both families, kept apart: no IPv4 network has an IPv6 address in it, nor the other way round. Immutable. */
export class AddressSet {
  readonly #ipv4: PrefixTrie;
  readonly #ipv6: PrefixTrie;

  /** Host bits of networks are masked. */
  constructor(networks: readonly Network[]) {
    const prefixes = networks.map(rangeOf);
    this.#ipv4 = prefixTrie(1, aggregated(prefixes.filter(({ key }) => key.length === 1))).trie;
    this.#ipv6 = prefixTrie(4, aggregated(prefixes.filter(({ key }) => key.length === 4))).trie;
  }

  has(address: Address): boolean {
    return this.hasKey(keyOf(address));
  }

  hasKey(address: AddressKey): boolean {
    return this.#covers(wordsOf(address), Number.POSITIVE_INFINITY);
  }

  /** Whether every address of the network is in the set. */
  covers(network: Network): boolean {
    const { key, length } = rangeOf(network);
    return this.#covers(key, length);
  }

  #covers([a = 0, ...rest]: readonly number[], length: number): boolean {
    return rest.length === 0
      ? longestPrefix(this.#ipv4, Math.min(length, 32), a) !== 0
      : longestPrefix(this.#ipv6, Math.min(length, 128), a, ...rest) !== 0;
  }
}

/** The fewest prefixes with the same addresses: so every network in the set is in one of them. */
function aggregated(prefixes: readonly Prefix[]): Prefix[] {
  const result: Prefix[] = [];
  for (const prefix of prefixes.toSorted(comparePrefixes)) {
    const last = result.at(-1);
    if (last !== undefined && covers(last, prefix)) {
      continue;
    }
    result.push(prefix);
    for (let joined = joinedSiblings(result); joined !== null; joined = joinedSiblings(result)) {
      result.splice(-2, 2, joined);
    }
  }
  return result;
}

function covers(one: Prefix, other: Prefix): boolean {
  return (
    one.length <= other.length && comparePrefixes(maskedPrefix(other.key, one.length), one) === 0
  );
}

/** What the last two are together, when they are the two halves of one prefix. */
function joinedSiblings(prefixes: readonly Prefix[]): Prefix | null {
  const [one, other] = prefixes.slice(-2);
  if (one === undefined || other === undefined || one.length !== other.length) {
    return null;
  }
  const parent = maskedPrefix(one.key, one.length - 1);
  return covers(parent, other) && one.length > 0 ? parent : null;
}
