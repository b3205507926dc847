// SPDX-License-Identifier: GPL-2.0-or-later
// KdumpFile: a reader of kdump-compressed files for tests, made from the offsets in docs/vmcore-formats.md and not from
// the exporter's structures.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

class KdumpFile {
 public:
  struct Page {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    uint64_t flags = 0;
  };

  KdumpFile(std::vector<uint8_t> file, TargetFormat format) : file_(std::move(file)), format_(format) {
    const bool is_64 = format.word == WordSize::k64;
    const uint64_t end_of_names = is_64 ? 408 : 404;
    const uint64_t after_time = is_64 ? 424 : 412;
    version = At(8, 4);
    system = Text(12);
    release = Text(12 + 2 * 65);
    kernel_version = Text(12 + 3 * 65);
    machine = Text(12 + 4 * 65);
    seconds = At(end_of_names, format.word_bytes());
    status = At(after_time, 4);
    block = At(after_time + 4, 4);
    const uint64_t sub_header_blocks = At(after_time + 8, 4);
    bitmap_blocks = At(after_time + 12, 4);
    max_pfn = At(after_time + 16, 4);
    cpus = At(after_time + 36, 4);

    phys_base = At(block, format.word_bytes());
    dump_level = At(block + (is_64 ? 8 : 4), 4);
    const uint64_t length = format.word_bytes();
    vmcoreinfo = Slice(At(block + (is_64 ? 32 : 20), 8), At(block + (is_64 ? 40 : 28), length));
    notes = Slice(At(block + (is_64 ? 48 : 32), 8), At(block + (is_64 ? 56 : 40), length));
    max_pfn_64 = At(block + (is_64 ? 96 : 72), 8);

    const uint64_t first = (1 + sub_header_blocks) * block;
    const uint64_t half = bitmap_blocks / 2 * block;
    ram = Bits(first, half);
    uint64_t descriptor = first + 2 * half;
    for (const uint64_t pfn : Bits(first + half, half)) {
      pages[pfn] = {.offset = At(descriptor, 8), .bytes = At(descriptor + 8, 4), .flags = At(descriptor + 12, 4)};
      descriptor += 24;
    }
    data_offset = descriptor;
  }

  // As a reader gets it; nothing if it cannot be decompressed to exactly a page.
  std::optional<std::vector<uint8_t>> ReadPage(uint64_t pfn) const {
    const Page& page = pages.at(pfn);
    const Bytes stored = Part(page.offset, page.bytes);
    std::vector<uint8_t> plain(static_cast<size_t>(block));
    if (page.flags == 0 && page.bytes == block) {
      plain.assign(stored.begin(), stored.end());
      return plain;
    }
    if (page.flags == 0x20 && ZSTD_decompress(plain.data(), plain.size(), stored.data(), stored.size()) == block)
      return plain;
    uLongf bytes = plain.size();
    if (page.flags == 0x1 && uncompress(plain.data(), &bytes, stored.data(), stored.size()) == Z_OK && bytes == block) {
      return plain;
    }
    return std::nullopt;
  }
  const std::vector<uint8_t>& bytes() const { return file_; }

  uint64_t version, seconds, status, block, bitmap_blocks, max_pfn, cpus, phys_base, dump_level, max_pfn_64;
  std::string system, release, kernel_version, machine, vmcoreinfo, notes;
  std::set<uint64_t> ram;          // first bitmap
  std::map<uint64_t, Page> pages;  // second bitmap, with the descriptors
  uint64_t data_offset;

 private:
  Bytes Part(uint64_t offset, uint64_t bytes) const {
    return Bytes(file_).subspan(static_cast<size_t>(offset), static_cast<size_t>(bytes));
  }
  uint64_t At(uint64_t offset, uint64_t bytes) const { return LoadInteger(Part(offset, bytes), format_.order); }
  std::string Text(uint64_t offset) const { return reinterpret_cast<const char*>(file_.data() + offset); }
  std::string Slice(uint64_t offset, uint64_t bytes) const { return std::string(TextOf(Part(offset, bytes))); }
  std::set<uint64_t> Bits(uint64_t offset, uint64_t bytes) const {
    std::set<uint64_t> bits;
    for (uint64_t i = 0; i < bytes * 8; ++i) {
      if ((Part(offset, bytes)[static_cast<size_t>(i / 8)] >> (i % 8) & 1) != 0) bits.insert(i);
    }
    return bits;
  }

  std::vector<uint8_t> file_;
  TargetFormat format_;
};

}  // namespace crashdump
