/**
 * MedQuAD's own form (github.com/abachaa/MedQuAD): folders of XML documents, each with question-answer pairs.
 *
 *     <Document id source url><Focus>…</Focus><QAPairs><QAPair pid><Question qid qtype>…</Question><Answer>…</Answer>
 *
 * A folder gives the pairs of all its `.xml` files in the order of their paths (by code point), a file those of its own
 * document. Pairs without an answer (three of the twelve sources withhold theirs) are omitted and counted.
 */

import { join } from 'node:path';
import { inputError } from '../../errors';
import { readFolder } from '../../files';
import { sha256 } from '../../sha256';
import { compareCodePoints } from '../labels';
import { asTextFile, type RawFile, readRawFile } from '../text-file';
import { type DataRecord, damaged, type Format, noRows, type Parsed } from './format';
import { parseXml, type XmlElement } from './xml';

export const medquad: Format = {
  name: 'MedQuAD XML',
  fileName: /\.xml$/i,
  matches: (head) => /^(?:\xef\xbb\xbf)?\s*<(\?xml|Document)/.test(Buffer.from(head).toString('latin1')),
  parse: (file) => tableOf([file], file.name),
};

/** The rows of a folder, and one hash over the path and content of every file. */
export function readMedquadFolder(folder: string): { readonly sha256: string; readonly parsed: Parsed } {
  const names = readFolder(folder, { deep: true })
    .filter((name) => /\.xml$/i.test(name))
    .sort(compareCodePoints);
  if (names.length === 0) {
    throw inputError(`${folder} is a folder, not a file`, {
      remedy: "name a file in it; only a folder of MedQuAD's XML documents is read as a whole",
    });
  }
  const hash = new Bun.CryptoHasher('sha256');
  const files = names.map((name) => {
    const file = readRawFile(join(folder, name));
    const own = sha256(file.bytes);
    hash.update(`${JSON.stringify(name)} ${own}\n`);
    return file;
  });
  return { sha256: hash.digest('hex'), parsed: tableOf(files, folder) };
}

// --- internal ---

const COLUMNS = ['Question', 'Answer', 'qtype', 'qid', 'Focus', 'document', 'source', 'url'] as const;

function tableOf(files: readonly RawFile[], name: string): Parsed {
  const records: DataRecord[] = [];
  let unanswered = 0;
  for (const file of files) {
    const { bytes } = asTextFile(file);
    const root = parseXml(new TextDecoder().decode(bytes), file.name);
    if (root.name !== 'Document') throw damaged(file.name, `the root element is ${root.name}, not Document`, root.line);
    const focus = child(root, 'Focus')?.text ?? '';
    const pairs = child(root, 'QAPairs')?.children.filter((pair) => pair.name === 'QAPair') ?? [];
    for (const pair of pairs) {
      const [question, answer] = [child(pair, 'Question'), child(pair, 'Answer')];
      if (question === undefined) throw damaged(file.name, 'a QAPair has no Question', pair.line);
      if (answer === undefined || answer.text.trim() === '') {
        unanswered++;
        continue;
      }
      const of = (element: XmlElement, key: string): string => element.attributes.get(key) ?? '';
      const ids = [
        of(question, 'qtype'),
        of(question, 'qid'),
        focus,
        of(root, 'id'),
        of(root, 'source'),
        of(root, 'url'),
      ];
      records.push({ values: [question.text, answer.text, ...ids], line: files.length === 1 ? pair.line : null });
    }
  }
  if (records.length === 0) throw noRows(name);
  const notes =
    unanswered === 0 ? [] : [`${unanswered} question${unanswered === 1 ? '' : 's'} without an answer left out`];
  return { columns: COLUMNS, headerLine: null, records, notes };
}

const child = ({ children }: XmlElement, name: string): XmlElement | undefined =>
  children.find((one) => one.name === name);
