/**
 * The first 1,248 bits of 2/pi behind the point, 24 at a time: enough to reduce the largest float. Portable, see double-double.ts.
 */

/** Bits 24 * index + 1 to 24 * index + 24 as a whole number; 0 in front of the first. */
export function twoOverPi(index: number): number {
  return index < 26 ? early(index) : late(index);
}

function early(index: number): number {
  switch (index) {
    case 0:
      return 0xa2f983;
    case 1:
      return 0x6e4e44;
    case 2:
      return 0x1529fc;
    case 3:
      return 0x2757d1;
    case 4:
      return 0xf534dd;
    case 5:
      return 0xc0db62;
    case 6:
      return 0x95993c;
    case 7:
      return 0x439041;
    case 8:
      return 0xfe5163;
    case 9:
      return 0xabdebb;
    case 10:
      return 0xc561b7;
    case 11:
      return 0x246e3a;
    case 12:
      return 0x424dd2;
    case 13:
      return 0xe00649;
    case 14:
      return 0x2eea09;
    case 15:
      return 0xd1921c;
    case 16:
      return 0xfe1deb;
    case 17:
      return 0x1cb129;
    case 18:
      return 0xa73ee8;
    case 19:
      return 0x8235f5;
    case 20:
      return 0x2ebb44;
    case 21:
      return 0x84e99c;
    case 22:
      return 0x7026b4;
    case 23:
      return 0x5f7e41;
    case 24:
      return 0x3991d6;
    case 25:
      return 0x398353;
    default:
      return 0;
  }
}

function late(index: number): number {
  switch (index) {
    case 26:
      return 0x39f49c;
    case 27:
      return 0x845f8b;
    case 28:
      return 0xbdf928;
    case 29:
      return 0x3b1ff8;
    case 30:
      return 0x97ffde;
    case 31:
      return 0x05980f;
    case 32:
      return 0xef2f11;
    case 33:
      return 0x8b5a0a;
    case 34:
      return 0x6d1f6d;
    case 35:
      return 0x367ecf;
    case 36:
      return 0x27cb09;
    case 37:
      return 0xb74f46;
    case 38:
      return 0x3f669e;
    case 39:
      return 0x5fea2d;
    case 40:
      return 0x7527ba;
    case 41:
      return 0xc7ebe5;
    case 42:
      return 0xf17b3d;
    case 43:
      return 0x0739f7;
    case 44:
      return 0x8a5292;
    case 45:
      return 0xea6bfb;
    case 46:
      return 0x5fb11f;
    case 47:
      return 0x8d5d08;
    case 48:
      return 0x560330;
    case 49:
      return 0x46fc7b;
    case 50:
      return 0x6babf0;
    case 51:
      return 0xcfbc20;
    default:
      return 0;
  }
}
