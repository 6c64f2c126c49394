import { describe, expect, it } from 'bun:test';
import { classNames, compareCodePoints, lookAlikes } from '../../src/data/labels';

describe('classNames', () => {
  // python: sorted({'\ufb01', '😀', 'a', 'Z', 'قلب', 'ab', ''})
  it('orders by code point, not by UTF-16 unit', () => {
    expect(classNames(['\ufb01', '😀', 'a', 'Z', 'قلب', 'ab', 'a'])).toEqual(['Z', 'a', 'ab', 'قلب', '\ufb01', '😀']);
    expect(['\ufb01', '😀'].sort()).toEqual(['😀', '\ufb01']);
    expect(compareCodePoints('a', 'a')).toBe(0);
  });
});

describe('lookAlikes', () => {
  it('finds labels that differ in spaces, case or normal form', () => {
    expect(lookAlikes(['Heart ', 'heart', 'skin', 'e\u0301', '\u00e9'])).toEqual([
      ['Heart ', 'heart'],
      ['e\u0301', '\u00e9'],
    ]);
  });
});
