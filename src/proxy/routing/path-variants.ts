// A path as it was sent, and as programs may read it: a rule that guards a path must match all of its spellings.

import { DECODINGS, escaped, type PathTransform, TRANSFORMS } from "./path-transforms.ts";

/** Programs behind programs: each may decode once more. */
const DECODINGS_MAX = 3;
/** Bounds what one path may cost: its variants, and the characters of all that the transforms make, known or new. */
const VARIANTS_MAX = 128;
const CHARACTERS_MAX = 65_536;

/** Characters that were looked at and made, over all paths: some 15 ns each. Whoever judges a request compares it before and after. */
export const pathWork = { characters: 0 };

/** A path without any of these reads the same everywhere, save for upper case and a slash at its end. */
const AMBIGUOUS =
  /[^!"$&'*+,\-./0-9=@A-Z[\]^_`a-z{|}~:]|\/[/.]|\.(?:\/|$)|:\$|\.(?:php\d?|phtml|phar|f?cgi|p[ly]|rb|lua|exe|wsgi|dll|as[hmp]x|asp|svc|cf[cm])\/|\/VirtualHost/i;

/**
 * The path as it was sent and in every form that a program may read it in, with up to three decodings. Null when these are
 * too many: a guard has to take such a path for any.
 */
export function pathVariants(path: string): readonly string[] | null {
  if (!AMBIGUOUS.test(path)) {
    return [path];
  }
  const budget: Budget = { characters: CHARACTERS_MAX };
  const variants = variantsWithin(budget, path);
  pathWork.characters += CHARACTERS_MAX - budget.characters;
  return variants;
}

function variantsWithin(budget: Budget, path: string): readonly string[] | null {
  const found = new Set<string>();
  let layer = [/[^\0-\x7f]/.test(path) ? escaped(path) : path];
  for (let decodings = 0; layer.length > 0; decodings++) {
    const reached = closure(layer, found, budget);
    if (reached === null) {
      return null;
    }
    layer = reached.flatMap((variant) => results(DECODINGS, variant, budget));
    if (decodings === DECODINGS_MAX && layer.length > 0) {
      // So many layers of encoding have no honest use.
      return null;
    }
  }
  return [...found];
}

/** Whether a program may read one of the path's segments as `..`. */
export function mayClimb(path: string): boolean {
  const variants = pathVariants(path);
  return (
    variants === null || variants.some((variant) => /(?:^|[/\\])\.\.(?:[/\\]|$)/.test(variant))
  );
}

/** Adds to `found` all that the transforms make of these variants. Answers what was new; null when the budget is spent. */
function closure(
  variants: readonly string[],
  found: Set<string>,
  budget: Budget,
): readonly string[] | null {
  const queue: string[] = [];
  const add = (variant: string): boolean => {
    if (!found.has(variant)) {
      found.add(variant);
      queue.push(variant);
    }
    return found.size <= VARIANTS_MAX && budget.characters >= 0;
  };
  if (!variants.every(add)) {
    return null;
  }
  for (const variant of queue) {
    if (!results(TRANSFORMS, variant, budget).every(add)) {
      return null;
    }
  }
  return queue;
}

interface Budget {
  characters: number;
}

/** What they change. Looking costs as much as what is looked at, and so does each change. */
function results(transforms: readonly PathTransform[], path: string, budget: Budget): string[] {
  budget.characters -= path.length;
  const changed = transforms
    .map((transform) => transform(path))
    .filter((result) => result !== path);
  for (const { length } of changed) {
    budget.characters -= length;
  }
  return changed;
}
