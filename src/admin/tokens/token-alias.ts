// Random aliases for tokens created without one.
import { randomBytes, randomInt } from "node:crypto";

const animals = [
  ...["badger", "beaver", "bison", "bobcat", "camel", "cheetah", "condor", "coyote", "crane"],
  ...["dingo", "dolphin", "egret", "elk", "falcon", "ferret", "finch", "fox", "gazelle", "gecko"],
  ...["heron", "ibex", "ibis", "jackal", "jaguar", "kestrel", "kiwi", "koala", "lemur", "llama"],
  ...["lynx", "macaw", "marmot", "marten", "mole", "narwhal", "newt", "ocelot", "okapi", "orca"],
  ...["osprey", "otter", "panda", "panther", "pelican", "puffin", "puma", "quokka", "raven"],
  ...["robin", "seal", "serval", "shrew", "skink", "stork", "swift", "tapir", "tern", "toucan"],
  ...["vole", "walrus", "weasel", "wolf", "wombat", "wren", "yak", "zebra"],
] as const;

/**
 * An animal and 8 hex digits, `otter-5e0c91d2`. Two of 1,000 tokens collide with probability 2e-6; creating the second one
 * then fails with DUPLICATE_TOKEN_ALIAS.
 */
export function randomAlias(): string {
  return `${animals[randomInt(animals.length)]}-${randomBytes(4).toString("hex")}`;
}
