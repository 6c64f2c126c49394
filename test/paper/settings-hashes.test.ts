/** The embedded papers resolve to the settings that their goldens and published results are of. */

import { expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { HASHES_FILE, settingsHashes } from '../fixtures/make_settings_hashes';

setDefaultTimeout(60_000);

test('every experiment of every paper keeps its settings, at each scale and in each reading', () => {
  expect(settingsHashes()).toEqual(JSON.parse(readFileSync(HASHES_FILE, 'utf8')));
});
