// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/page_encoder.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <random>

#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

std::vector<uint8_t> RandomPage(uint32_t page_bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> page(page_bytes);
  for (uint8_t& byte : page) byte = static_cast<uint8_t>(random());
  return page;
}

// The page that a reader gets.
std::vector<uint8_t> Decode(PageCompression compression, Bytes stored, uint32_t page_bytes) {
  std::vector<uint8_t> page(page_bytes);
  if (compression == PageCompression::kZstd) {
    EXPECT_EQ(ZSTD_decompress(page.data(), page.size(), stored.data(), stored.size()), page_bytes);
  } else {
    uLongf bytes = page_bytes;
    EXPECT_EQ(uncompress(page.data(), &bytes, stored.data(), stored.size()), Z_OK);
    EXPECT_EQ(bytes, page_bytes);
  }
  return page;
}

TEST(PageEncoder, CompressedPagesComeBack) {
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib}) {
    for (const uint32_t page_bytes : {4096U, 16384U, 65536U}) {
      PageEncoder encoder = PageEncoder::Create(compression, page_bytes).TakeValue();
      std::vector<uint8_t> out(PageEncoder::OutputBytes(page_bytes));
      for (uint64_t pfn = 1; pfn < 100; ++pfn) {
        std::vector<uint8_t> page = TestPage(pfn, page_bytes);
        // Half of it incompressible.
        if (pfn % 2 == 0) {
          const std::vector<uint8_t> random = RandomPage(page_bytes / 2, static_cast<unsigned>(pfn));
          std::copy(random.begin(), random.end(), page.begin());
        }
        const StoredPage stored = encoder.Encode(page, out).TakeValue();
        ASSERT_EQ(stored.storage, PageStorage::kCompressed) << pfn;
        ASSERT_LT(stored.bytes, page_bytes);
        EXPECT_EQ(Decode(compression, Bytes(out).first(stored.bytes), page_bytes), page) << pfn;
      }
    }
  }
}

TEST(PageEncoder, WhatDoesNotShrinkStaysRaw) {
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib, PageCompression::kNone}) {
    for (const uint32_t page_bytes : {4096U, 65536U}) {
      PageEncoder encoder = PageEncoder::Create(compression, page_bytes).TakeValue();
      std::vector<uint8_t> out(PageEncoder::OutputBytes(page_bytes));
      const std::vector<uint8_t> page = RandomPage(page_bytes, 1);
      const StoredPage stored = encoder.Encode(page, out).TakeValue();
      EXPECT_EQ(stored.storage, PageStorage::kRaw);
      EXPECT_EQ(stored.bytes, page_bytes);
      EXPECT_TRUE(Equal(Bytes(out).first(page_bytes), page));
    }
  }
}

TEST(PageEncoder, ZeroPagesTakeNothing) {
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib, PageCompression::kNone}) {
    PageEncoder encoder = PageEncoder::Create(compression, 4096).TakeValue();
    std::vector<uint8_t> out(PageEncoder::OutputBytes(4096));
    const StoredPage stored = encoder.Encode(std::vector<uint8_t>(4096), out).TakeValue();
    EXPECT_EQ(stored.storage, PageStorage::kZero);
    EXPECT_EQ(stored.bytes, 0U);
  }
}

TEST(PageEncoder, WhatCameBeforeDoesNotMatter) {
  const std::vector<uint8_t> page = TestPage(7, 4096);
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib}) {
    PageEncoder encoder = PageEncoder::Create(compression, 4096).TakeValue();
    std::vector<uint8_t> first(PageEncoder::OutputBytes(4096));
    std::vector<uint8_t> second(first.size());
    const uint32_t bytes = encoder.Encode(page, first).TakeValue().bytes;
    for (uint64_t pfn = 0; pfn < 20; ++pfn) (void)encoder.Encode(TestPage(pfn, 4096), second).TakeValue();
    (void)encoder.Encode(RandomPage(4096, 3), second).TakeValue();
    ASSERT_EQ(encoder.Encode(page, second).TakeValue().bytes, bytes);
    EXPECT_TRUE(Equal(Bytes(first).first(bytes), Bytes(second).first(bytes)));
  }
}

}  // namespace
}  // namespace crashdump
