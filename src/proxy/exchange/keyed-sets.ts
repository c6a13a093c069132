// Maps of sets, in which a set without members is not kept.

export function addTo<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  if (set === undefined) {
    sets.set(key, new Set([value]));
  } else {
    set.add(value);
  }
}

/** Whether it was there. */
export function removeFrom<Key, Value>(
  sets: Map<Key, Set<Value>>,
  key: Key,
  value: Value,
): boolean {
  const set = sets.get(key);
  if (set === undefined || !set.delete(value)) {
    return false;
  }
  if (set.size === 0) {
    sets.delete(key);
  }
  return true;
}
