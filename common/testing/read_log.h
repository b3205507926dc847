// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a built log through a built vmcore, for tests of every form of log.
#pragma once

#include <string>

#include "common/testing/kernel_log_block.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/panic_messages.h"

namespace crashdump::testing {

// Where the logs of these tests are mapped, in address spaces of both word sizes.
inline constexpr uint64_t kLogVirtual = 0xc0200000;

inline constexpr TargetFormat kLittle64 = {ByteOrder::kLittle, WordSize::k64};
inline constexpr TargetFormat kLogFormats[] = {kLittle64,                            // x86_64
                                               {ByteOrder::kLittle, WordSize::k32},  // i386
                                               {ByteOrder::kBig, WordSize::k64},     // ppc64
                                               {ByteOrder::kBig, WordSize::k32}};    // ppc

struct LogText {
  std::string error;  // why it cannot be opened
  std::string text;
  PanicMessagesSummary summary;
};

LogText ReadLog(const VmcoreBuilder& vmcore, const PanicMessagesOptions& options = {});
// Of a vmcore that holds nothing but the log.
LogText ReadLog(const KernelLogBlock& log, const PanicMessagesOptions& options = {});

// A builder for the vmcores of one of the machines above.
VmcoreBuilder VmcoreOf(TargetFormat format);

}  // namespace crashdump::testing
