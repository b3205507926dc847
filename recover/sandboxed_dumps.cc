// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/sandboxed_dumps.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <utility>

#include "common/base/byte_reader.h"
#include "recover/dump_channel.h"
#include "recover/local_dumps.h"
#include "recover/unprivileged.h"

namespace crashdump {
namespace {

// A reader of a slow disk says more often how far it is.
constexpr int kSilenceSeconds = 600;
// However often it says so: every disk can be read, and its pages be encoded, at this rate.
constexpr uint64_t kLeastBytesPerSecond = kMiB;
// What a file with all pages has beside them: at most the two bitmaps of a kdump file, and headers.
constexpr uint64_t kMostBesidePages = 20 * kGiB;

struct Region {
  const ByteSource& source;
  const KeyRecord& record;
  PublishOptions options;
  int descriptor;
};

// --- In the child ---

class ChannelSink final : public ByteSink {
 public:
  explicit ChannelSink(const DumpChannel& channel) : channel_(channel) {}
  Result<> WriteAt(uint64_t offset, Bytes data) override {
    while (!data.empty()) {
      const Bytes part = data.first(std::min<size_t>(data.size(), kFrameBytes));
      TRY(channel_.Send(FrameKind::kBytes, 0, offset, part));
      offset += part.size();
      data = data.subspan(part.size());
    }
    return {};
  }
  Result<> Flush() override { return {}; }

 private:
  const DumpChannel& channel_;
};

class Server {
 public:
  Server(const DumpChannel& channel, const Region& region) : channel_(channel) {
    PublishOptions options = region.options;
    if (options.progress) {
      options.progress = [this](uint64_t done, uint64_t total) {
        const le64 number = total;
        (void)channel_.Send(FrameKind::kProgress, 0, done, BytesOf(number));
      };
    }
    dumps_ = MakeLocalDumps(region.source, region.record, options);
  }

  // Until nobody asks any more.
  void Run() {
    while (true) {
      const Result<Frame> request = channel_.Receive();
      if (!request.ok() || !Answer(request.value()).ok()) return;
    }
  }

 private:
  Result<> Answer(const Frame& request) {
    switch (request.kind) {
      case FrameKind::kInspect: {
        const Result<AttemptStates> states = dumps_->Inspect();
        if (!states.ok()) return channel_.SendError(states.error());
        uint32_t argument = 0;
        for (size_t i = 0; i < states.value().size(); ++i) {
          argument |= static_cast<uint32_t>(states.value()[i]) << (8 * i);
        }
        return channel_.Send(FrameKind::kStates, argument);
      }
      case FrameKind::kOpen: {
        Result<std::unique_ptr<DumpSource>> opened = dumps_->Open(request.argument);
        if (!opened.ok()) return channel_.SendError(opened.error());
        dump_ = opened.TakeValue();
        return channel_.SendHeader(dump_->header());
      }
      case FrameKind::kSurvey:
      case FrameKind::kSurveyTexts: {
        const bool is_whole = request.kind == FrameKind::kSurvey;
        const Result<DumpSurvey> survey = is_whole ? dump_->Survey() : dump_->SurveyTexts();
        return survey.ok() ? channel_.SendSurvey(survey.value()) : channel_.SendError(survey.error());
      }
      case FrameKind::kVmcore: {
        ChannelSink sink(channel_);
        const Result<uint64_t> written = dump_->WriteVmcore(sink);
        return written.ok() ? channel_.Send(FrameKind::kWritten, 0, written.value())
                            : channel_.SendError(written.error());
      }
      default:
        return Error::Format(ErrorCode::kInvalidArgument, "no request");
    }
  }

  const DumpChannel& channel_;
  std::unique_ptr<RegionDumps> dumps_;
  std::unique_ptr<DumpSource> dump_;
};

// --- In this process ---

class Child {
 public:
  static Result<Child> Start(const Region& region) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return Error::Os(errno, "socketpair");
    UniqueFd ours(sockets[0]);
    UniqueFd theirs(sockets[1]);
    const pid_t pid = fork();
    if (pid < 0) return Error::Os(errno, "fork");
    if (pid == 0) Serve(region, std::move(theirs));
    const timeval silence = {.tv_sec = kSilenceSeconds, .tv_usec = 0};
    (void)setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
    const std::chrono::seconds limit(kSilenceSeconds + region.source.size() / kLeastBytesPerSecond);
    return Child(pid, DumpChannel(std::move(ours)), limit);
  }
  ~Child() {
    if (pid_ > 0) End();
  }
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), channel_(std::move(other.channel_)), limit_(other.limit_) {}
  Child& operator=(Child&&) = delete;

  // The answer, which is of this kind. `sink` and `progress` take what comes before it.
  Result<Frame> Ask(FrameKind request, uint32_t argument, FrameKind wanted, ByteSink* sink,
                    const ByteProgress& progress) {
    if (const Result<> asked = channel_.Send(request, argument); !asked.ok()) return Ended(asked.error());
    const auto deadline = std::chrono::steady_clock::now() + limit_;
    while (true) {
      if (std::chrono::steady_clock::now() > deadline) {
        return Error::Format(ErrorCode::kTimeout, "the program that reads the dump does not come to its end");
      }
      Result<Frame> answer = channel_.Receive();
      if (!answer.ok()) return Ended(answer.error());
      const Frame& frame = answer.value();
      if (frame.kind == wanted) return answer;
      if (frame.kind == FrameKind::kError) return ErrorOf(frame);
      if (frame.kind == FrameKind::kBytes && sink != nullptr) {
        TRY(sink->WriteAt(frame.number, frame.payload));
      } else if (frame.kind == FrameKind::kProgress && progress) {
        ByteReader reader(frame.payload);
        progress(frame.number, TRY(reader.TakeObject<le64>()));
      } else {
        return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump does not answer what it was asked");
      }
    }
  }

 private:
  Child(pid_t pid, DumpChannel channel, std::chrono::seconds limit)
      : pid_(pid), channel_(std::move(channel)), limit_(limit) {}

  [[noreturn]] static void Serve(const Region& region, UniqueFd socket) {
    // A write to a process that is gone ends this one.
    (void)signal(SIGPIPE, SIG_DFL);
    std::vector<int> descriptors = {socket.get()};
    if (region.descriptor >= 0) descriptors.push_back(region.descriptor);
    const DumpChannel channel(std::move(socket));
    const Result<> given_up = GiveUpPrivileges(descriptors);
    if (!given_up.ok() && given_up.error().code() != ErrorCode::kUnsupported) {
      (void)channel.SendError(given_up.error().Prefixed("giving up privileges"));
      _exit(1);
    }
    Server(channel, region).Run();
    _exit(0);
  }

  int End() {
    int status = 0;
    (void)kill(pid_, SIGKILL);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  // What it died of, if it is gone, and `error` if it is not: a socket tells in three ways that nobody is there.
  Error Ended(const Error& error) {
    const bool is_gone =
        error.code() == ErrorCode::kTruncated || error.os_error() == EPIPE || error.os_error() == ECONNRESET;
    if (!is_gone) return error;
    // One that has ended by itself keeps the reason.
    const int status = End();
    if (WIFSIGNALED(status)) {
      return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump was ended by signal %d (%s)",
                           WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump has ended");
  }

  pid_t pid_;
  DumpChannel channel_;
  std::chrono::seconds limit_;  // of one answer
};

Result<Child> OpenInChild(const Region& region, uint32_t attempt, DumpHeader& header) {
  Child child = TRY(Child::Start(region));
  const Frame frame = TRY(child.Ask(FrameKind::kOpen, attempt, FrameKind::kHeader, nullptr, {}));
  header = TRY(HeaderOf(frame));
  if (header.attempt != attempt) return Error::Format(ErrorCode::kCorrupt, "the header of another attempt");
  return child;
}

// Knows where a file ends, which must not be farther than it can be.
class EndOfFile final : public ByteSink {
 public:
  EndOfFile(ByteSink& sink, uint64_t limit) : sink_(sink), limit_(limit) {}
  Result<> WriteAt(uint64_t offset, Bytes data) override {
    if (offset > limit_ || data.size() > limit_ - offset) {
      return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump writes at %" PRIu64, offset);
    }
    end_ = std::max(end_, offset + data.size());
    return sink_.WriteAt(offset, data);
  }
  Result<> Flush() override { return sink_.Flush(); }
  // Whether a file of this length has all that was written.
  bool CanEndAt(uint64_t bytes) const { return bytes >= end_ && bytes <= limit_; }

 private:
  ByteSink& sink_;
  uint64_t limit_;
  uint64_t end_ = 0;
};

class SandboxedDump final : public DumpSource {
 public:
  SandboxedDump(Child child, Region region, const DumpHeader& header)
      : child_(std::move(child)), region_(std::move(region)), header_(header) {}

  const DumpHeader& header() const override { return header_; }
  Result<DumpSurvey> Survey() override {
    DumpSurvey survey = TRY(Ask(child_, FrameKind::kSurvey));
    pages_ = survey.page_count();
    return survey;
  }
  // The first child may be gone, and has read what led it astray.
  Result<DumpSurvey> SurveyTexts() override {
    DumpHeader header;
    Child child = TRY(OpenInChild(region_, header_.attempt, header));
    if (header.attempt_id != header_.attempt_id) return Error::Format(ErrorCode::kCorrupt, "it is another dump now");
    return Ask(child, FrameKind::kSurveyTexts);
  }
  Result<uint64_t> WriteVmcore(ByteSink& sink) override {
    // 2^52 pages (kPfnLimit) of 64 KiB are more than a file can hold.
    const uint64_t most_pages = (INT64_MAX - kMostBesidePages) / header_.page_bytes;
    EndOfFile file(sink, kMostBesidePages + std::min(pages_, most_pages) * header_.page_bytes);
    const Frame frame = TRY(child_.Ask(FrameKind::kVmcore, 0, FrameKind::kWritten, &file, region_.options.progress));
    if (file.CanEndAt(frame.number)) return frame.number;
    return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump says that the file ends at %" PRIu64,
                         frame.number);
  }

 private:
  Result<DumpSurvey> Ask(Child& child, FrameKind request) const {
    return SurveyOf(TRY(child.Ask(request, 0, FrameKind::kSurveyed, nullptr, region_.options.progress)));
  }

  Child child_;
  Region region_;
  DumpHeader header_;
  uint64_t pages_ = 0;  // of the survey
};

class SandboxedDumps final : public RegionDumps {
 public:
  explicit SandboxedDumps(Region region) : region_(std::move(region)) {}

  Result<AttemptStates> Inspect() override {
    Child child = TRY(Child::Start(region_));
    return StatesOf(TRY(child.Ask(FrameKind::kInspect, 0, FrameKind::kStates, nullptr, {})));
  }

  Result<std::unique_ptr<DumpSource>> Open(uint32_t attempt) override {
    DumpHeader header;
    Child child = TRY(OpenInChild(region_, attempt, header));
    return std::unique_ptr<DumpSource>(std::make_unique<SandboxedDump>(std::move(child), region_, header));
  }

 private:
  Region region_;
};

}  // namespace

std::unique_ptr<RegionDumps> MakeSandboxedDumps(const ByteSource& region, const KeyRecord& record,
                                                const PublishOptions& options, int descriptor) {
  return std::make_unique<SandboxedDumps>(Region{region, record, options, descriptor});
}

}  // namespace crashdump
