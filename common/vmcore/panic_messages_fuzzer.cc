// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as the memory of a printk ring buffer. Its first byte chooses the word size and the byte order; the input
// is laid over a good ring, so that small changes reach deep.
#include <cstdint>

#include "common/testing/printk_builder.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/panic_messages.h"

using namespace crashdump;

namespace {

constexpr uint64_t kVirtual = 0xc0200000;
constexpr unsigned kCountBits = 3;
constexpr unsigned kTextBits = 8;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const TargetFormat format = {(data[0] & 1) != 0 ? ByteOrder::kBig : ByteOrder::kLittle,
                               (data[0] & 2) != 0 ? WordSize::k32 : WordSize::k64};
  testing::PrintkBuilder ring(format, kVirtual, kCountBits, kTextBits);
  for (const char* text : {"one", "a longer line", "two\nlines", "x", "the last words of a machine"}) {
    ring.Add(text).Add(text);
  }
  // Triples {low byte of the offset, high byte, value} overwrite bytes.
  for (size_t i = 1; i + 3 <= size; i += 3) {
    const uint64_t offset = LoadInteger(Bytes(data, size).subspan(i, 2), ByteOrder::kLittle);
    ring.memory()[offset % ring.memory().size()] = data[i + 2];
  }
  testing::VmcoreBuilder builder;
  builder.Format(format, format.word == WordSize::k32 ? kElfMachine386 : kElfMachineX86_64);
  ring.AddTo(builder, 0x200000);
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  const Result<PanicMessages> messages = PanicMessages::Open(memory);
  if (!messages.ok()) return 0;
  constexpr uint64_t kLimit = 300;
  const Result<std::string> all = messages.value().Text();
  const Result<std::string> newest = messages.value().Text({.newest_bytes = kLimit});
  Require(all.ok() && newest.ok() && newest.value().size() <= kLimit && all.value().ends_with(newest.value()));
  return 0;
}
