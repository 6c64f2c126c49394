/** MedQuAD's XML. */

import type { FuzzTarget } from './harness';
import { readAll } from './tables';

const TEXTS = [
  '<?xml version="1.0" encoding="UTF-8"?>\n<Document id="1" source="GHR" url="https://x/?a=1&amp;b=2"><Focus>heart</Focus><QAPairs><QAPair pid="1"><Question qid="1" qtype="treatment">What &#x3c;?</Question><Answer><![CDATA[a <b>]]></Answer></QAPair></QAPairs></Document>',
  '<Document><!-- c --><QAPairs><QAPair><Question>q</Question><Answer/></QAPair></QAPairs></Document>',
];

export const target: FuzzTarget = {
  name: 'xml',
  seeds: () => TEXTS.map((text) => new TextEncoder().encode(text)),
  parse: (input) => readAll('rows.xml', input),
};
