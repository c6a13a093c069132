// The alias of a token that is given none.
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

/** An animal and 8 hex digits, `otter-5e0c91d2`. Among 1,000 tokens two are alike twice in a million times; then one is refused. */
export function randomAlias(): string {
  return `${animals[randomInt(animals.length)]}-${randomBytes(4).toString("hex")}`;
}
