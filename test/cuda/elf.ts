/** What the tests of the libraries read in ELF files. */

/** The DT_NEEDED names of a 64-bit ELF file. */
export function neededBy(elf: Buffer): string[] {
  const sections = sectionsOf(elf);
  const dynamic = sections.find(({ type }) => type === 6)!;
  const strings = sections[dynamic.link]!;
  const names: string[] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    if (elf.readBigUInt64LE(at) !== 1n) continue;
    const begin = strings.offset + Number(elf.readBigUInt64LE(at + 8));
    names.push(elf.toString('utf8', begin, elf.indexOf(0, begin)));
  }
  return names;
}

/** The functions that a 64-bit ELF file defines for others, and whether each is weak. */
export function exportedBy(elf: Buffer): Map<string, 'weak' | 'strong'> {
  const sections = sectionsOf(elf);
  const symbols = sections.find(({ type }) => type === 11)!;
  const strings = sections[symbols.link]!;
  const found = new Map<string, 'weak' | 'strong'>();
  for (let at = symbols.offset; at < symbols.offset + symbols.size; at += 24) {
    const defined = elf.readUInt16LE(at + 6) !== 0;
    const begin = strings.offset + elf.readUInt32LE(at);
    if (defined)
      found.set(elf.toString('utf8', begin, elf.indexOf(0, begin)), elf[at + 4]! >> 4 === 2 ? 'weak' : 'strong');
  }
  return found;
}

// --- internal ---

function sectionsOf(elf: Buffer) {
  const table = Number(elf.readBigUInt64LE(40));
  return Array.from({ length: elf.readUInt16LE(60) }, (_, i) => {
    const at = table + i * elf.readUInt16LE(58);
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
    };
  });
}
