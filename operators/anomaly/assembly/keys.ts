/**
 * Keys to slots: an open-addressed hash table over the bytes of keys, bounded, with the least recently used key evicted when it is full.
 *
 *   table   slot number + 1 by hash, 0 where empty       (twice as many places as slots, linear probing, backward-shift deletion)
 *   slots   hash, address and length of the key, neighbours in the order of use
 */

/** Length that stands for the null key, which has no bytes. */
export const NULL_KEY: i32 = -1;

const FNV_OFFSET: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x100000001b3;

/** FNV-1a by 8 bytes at a time, mixed at the end. */
function hashOf(bytes: usize, length: i32): u64 {
  let hash = FNV_OFFSET ^ <u64>length;
  let at = bytes;
  let rest = length;
  for (; rest >= 8; rest -= 8, at += 8) hash = (hash ^ load<u64>(at)) * FNV_PRIME;
  for (; rest > 0; rest--, at++) hash = (hash ^ <u64>load<u8>(at)) * FNV_PRIME;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  return hash ^ (hash >> 32);
}

export class KeyTable {
  /** True when the slot last found is a key seen for the first time (or again after its eviction). */
  fresh: bool = false;
  /** Keys evicted so far. */
  evicted: u64 = 0;
  private mask: i32;
  private table: StaticArray<i32>;
  private hashes: StaticArray<u64>;
  private keys: StaticArray<usize>;
  private lengths: StaticArray<i32>;
  private newer: StaticArray<i32>;
  private older: StaticArray<i32>;
  private newest: i32 = -1;
  private oldest: i32 = -1;
  private used: i32 = 0;

  constructor(private capacity: i32) {
    let places = 4;
    while (places < capacity * 2) places *= 2;
    this.mask = places - 1;
    this.table = new StaticArray<i32>(places);
    this.hashes = new StaticArray<u64>(capacity);
    this.keys = new StaticArray<usize>(capacity);
    this.lengths = new StaticArray<i32>(capacity);
    this.newer = new StaticArray<i32>(capacity);
    this.older = new StaticArray<i32>(capacity);
  }

  /** The slot of a key, found or made; the least recently used key gives up its own when there is none left. */
  slot(bytes: usize, length: i32): i32 {
    const hash = hashOf(bytes, max(length, 0)) ^ <u64>(length == NULL_KEY);
    let place = <i32>hash & this.mask;
    for (let entry = this.table[place]; entry != 0; entry = this.table[place]) {
      if (this.holds(entry - 1, hash, bytes, length)) {
        this.fresh = false;
        this.touch(entry - 1);
        return entry - 1;
      }
      place = (place + 1) & this.mask;
    }
    this.fresh = true;
    return this.insert(hash, bytes, length);
  }

  /** The slot used longest ago, and the one used after a slot; -1 where there is none. */
  get first(): i32 {
    return this.oldest;
  }

  after(slot: i32): i32 {
    return this.newer[slot];
  }

  bytes(slot: i32): usize {
    return this.keys[slot];
  }

  length(slot: i32): i32 {
    return this.lengths[slot];
  }

  private holds(slot: i32, hash: u64, bytes: usize, length: i32): bool {
    if (this.hashes[slot] != hash || this.lengths[slot] != length) return false;
    return length <= 0 || memory.compare(this.keys[slot], bytes, length) == 0;
  }

  private insert(hash: u64, bytes: usize, length: i32): i32 {
    let slot = this.used;
    if (slot < this.capacity) this.used += 1;
    else {
      slot = this.oldest;
      this.remove(slot);
      this.evicted += 1;
    }
    this.hashes[slot] = hash;
    this.lengths[slot] = length;
    if (length > 0) {
      const copy = heap.alloc(length);
      memory.copy(copy, bytes, length);
      this.keys[slot] = copy;
    } else this.keys[slot] = 0;
    let place = <i32>hash & this.mask;
    while (this.table[place] != 0) place = (place + 1) & this.mask;
    this.table[place] = slot + 1;
    this.link(slot);
    return slot;
  }

  private link(slot: i32): void {
    this.newer[slot] = -1;
    this.older[slot] = this.newest;
    if (this.newest >= 0) this.newer[this.newest] = slot;
    this.newest = slot;
    if (this.oldest < 0) this.oldest = slot;
  }

  private unlink(slot: i32): void {
    const newer = this.newer[slot];
    const older = this.older[slot];
    if (newer >= 0) this.older[newer] = older;
    else this.newest = older;
    if (older >= 0) this.newer[older] = newer;
    else this.oldest = newer;
  }

  private touch(slot: i32): void {
    if (slot == this.newest) return;
    this.unlink(slot);
    this.link(slot);
  }

  /** Takes a key out of the table; the entries behind it move up so that no probe stops short. */
  private remove(slot: i32): void {
    this.unlink(slot);
    if (this.keys[slot] != 0) heap.free(this.keys[slot]);
    let place = <i32>this.hashes[slot] & this.mask;
    while (this.table[place] != slot + 1) place = (place + 1) & this.mask;
    let next = (place + 1) & this.mask;
    while (this.table[next] != 0) {
      const home = <i32>this.hashes[this.table[next] - 1] & this.mask;
      if (((next - home) & this.mask) >= ((next - place) & this.mask)) {
        this.table[place] = this.table[next];
        place = next;
      }
      next = (next + 1) & this.mask;
    }
    this.table[place] = 0;
  }
}
