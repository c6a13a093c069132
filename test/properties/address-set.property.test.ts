// Sets of addresses against every network asked one by one, with addresses as big integers; both families.
import { expect, test } from "bun:test";
import { type Network, parseAddress, parseNetwork } from "../../src/policy/address.ts";
import { AddressSet } from "../../src/policy/address-set.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const rounds = 300;

type Family = 4 | 6;
const bitsOf = { 4: 32, 6: 128 } as const;

interface Block {
  readonly family: Family;
  readonly value: bigint;
  readonly length: number;
}

function text(family: Family, value: bigint): string {
  const part = (shift: number, width: bigint) => (value >> BigInt(shift)) & ((1n << width) - 1n);
  return family === 4
    ? [24, 16, 8, 0].map((shift) => part(shift, 8n)).join(".")
    : [112, 96, 80, 64, 48, 32, 16, 0].map((shift) => part(shift, 16n).toString(16)).join(":");
}

/** Addresses crowd together, and differ in any of their bits. */
function randomValue(random: Random, family: Family): bigint {
  const bits = bitsOf[family];
  const base = family === 4 ? 0x0a00_0000n : 0x2001_0db8n << 96n;
  let value = random.chance(0.1) ? 0n : base;
  for (let flips = random.below(4); flips > 0; flips--) value ^= 1n << BigInt(random.below(bits));
  return value ^ BigInt(random.below(8));
}

function randomBlock(random: Random): Block {
  const family = random.chance(0.5) ? 4 : 6;
  const bits = bitsOf[family];
  const length = random.chance(0.5) ? bits - random.below(5) : random.below(bits + 1);
  return { family, value: randomValue(random, family), length };
}

function isIn({ family, value, length }: Block, address: Block): boolean {
  const shift = BigInt(bitsOf[family] - length);
  return family === address.family && value >> shift === address.value >> shift;
}

function networkOf({ family, value, length }: Block): Network {
  const parsed = parseNetwork(`${text(family, value)}/${length}`);
  if (parsed === null) throw new Error(`bad network: ${text(family, value)}/${length}`);
  return parsed;
}

/** Whether the blocks have every address of this one: of a few, each is looked at; else both halves are. */
function isCovered(block: Block, blocks: readonly Block[]): boolean {
  if (blocks.some((each) => each.length <= block.length && isIn(each, block))) return true;
  if (!blocks.some((each) => each.length > block.length && isIn(block, each))) return false;
  return halvesOf(block).every((half) => isCovered(half, blocks));
}

function halvesOf(block: Block): Block[] {
  const length = block.length + 1;
  if (length > bitsOf[block.family]) return [block];
  const half = 1n << BigInt(bitsOf[block.family] - length);
  const first = (block.value / (2n * half)) * 2n * half;
  return [first, first + half].map((value) => ({ ...block, value, length }));
}

test("a set of addresses has what one of its networks has", () => {
  const seen = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const random = randomFrom(seed + round);
    const blocks = random.list(random.pick([0, 1, 3, 20, 60]), () => randomBlock(random));
    for (const block of blocks.splice(0, blocks.length)) {
      blocks.push(...(random.chance(0.3) ? halvesOf(block) : [block]));
    }
    const set = new AddressSet(blocks.map(networkOf));
    for (let ask = 0; ask < 60; ask++) {
      const near = random.pick([...blocks, randomBlock(random)]);
      const { family } = near;
      const flip = 1n << BigInt(random.below(bitsOf[family]));
      const value = random.chance(0.5) ? near.value : near.value ^ flip;
      const address = { family, value, length: bitsOf[family] };
      const parsed = parseAddress(text(family, value));
      if (parsed === null) throw new Error(`bad address: ${text(family, value)}`);
      const length = Math.max(0, near.length - random.below(3));
      const wider = { family, value, length };
      const expected = {
        has: blocks.some((block) => isIn(block, address)),
        covers: isCovered(wider, blocks),
      };
      const actual = { has: set.has(parsed), covers: set.covers(networkOf(wider)) };
      const where = { seed: seed + round, address: text(family, value), length };
      expect({ ...where, ...actual }).toEqual({ ...where, ...expected });
      const covers = expected.covers && !blocks.some((b) => b.length <= length && isIn(b, wider));
      for (const what of [`has ${expected.has}`, covers ? "covers jointly" : ""]) {
        seen.set(`${family} ${what}`, (seen.get(`${family} ${what}`) ?? 0) + 1);
      }
    }
  }
  const rare = [4, 6]
    .flatMap((family) => ["has true", "has false", "covers jointly"].map((w) => `${family} ${w}`))
    .filter((what) => (seen.get(what) ?? 0) < 100);
  expect({ seed, rare }).toEqual({ seed, rare: [] });
}, 60_000);
