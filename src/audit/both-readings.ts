/** The audit of a paper as it was loaded, in whichever reading. */
import { fileOf, type Paper } from '../paper/load';
import { loadTarget } from '../paper/target';
import type { Reading } from '../paper/types';
import { audit, type Finding } from './audit';

/** Every finding about a paper: its own arithmetic, and what its code did otherwise. */
export function auditPaper(paper: Paper): Finding[] {
  const file = fileOf(paper.origin);
  const target = paper.origin.kind === 'file' ? file : paper.id;
  const inReading = (reading: Reading): Paper =>
    paper.reading === reading ? paper : loadTarget(target, reading).paper;
  const released = paper.readings.includes('as-released') ? inReading('as-released') : null;
  return audit({ written: inReading('as-written'), released, file });
}
