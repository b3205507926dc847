// SPDX-License-Identifier: GPL-2.0-or-later
// DumpChannel: what the process that may write to /var/crash and the child that reads a dump say to each other. The
// child may have been taken over by what it read: whoever receives from it bounds every length and checks every value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/endian.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "recover/dump_source.h"

namespace crashdump {

enum class FrameKind : uint32_t {
  // To the child.
  kInspect = 1,
  kOpen,  // argument: attempt
  kSurvey,
  kVmcore,
  kSurveyTexts,
  // From it. Each request has one answer: the first five, but kBytes and kProgress come before it, any number of them.
  kStates,    // argument: an AttemptState in each byte
  kHeader,    // payload: HeaderOnWire
  kSurveyed,  // payload: SurveyOnWire and its texts
  kWritten,   // number: size of the file
  kError,     // argument: ErrorCode, number: errno; payload: text
  kBytes,     // number: offset; payload: for there
  kProgress,  // number: done, payload: le64 total
};

struct Frame {
  FrameKind kind{};
  uint32_t argument = 0;
  uint64_t number = 0;
  std::vector<uint8_t> payload;
};

// At most, in a frame of kBytes.
inline constexpr uint64_t kFrameBytes = kMiB;

class DumpChannel {
 public:
  explicit DumpChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  Result<> Send(FrameKind kind, uint32_t argument = 0, uint64_t number = 0, Bytes payload = {}) const;
  // kTruncated: the other side is gone. kCorrupt: it says what it cannot mean.
  Result<Frame> Receive() const;

  Result<> SendHeader(const DumpHeader& header) const;
  Result<> SendSurvey(const DumpSurvey& survey) const;
  Result<> SendError(const Error& error) const;

 private:
  UniqueFd socket_;
};

// Of the frames of these kinds; kCorrupt if a value cannot be.
Result<AttemptStates> StatesOf(const Frame& frame);
Result<DumpHeader> HeaderOf(const Frame& frame);
Result<DumpSurvey> SurveyOf(const Frame& frame);
Error ErrorOf(const Frame& frame);

}  // namespace crashdump
