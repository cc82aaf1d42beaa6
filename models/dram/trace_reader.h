#pragma once

#include <cstdint>
#include <istream>
#include <string>

#include "models/dram/commands.h"

namespace perfwatt::dram {

struct TraceRequest {
    Tick cycle = 0;  ///< of the memory clock; not accepted before
    std::int64_t address = 0;
    bool write = false;
};

/// Reads "cycle,address,R|W" a line at a time: decimal cycles, addresses decimal or 0x…. Empty
/// lines and lines that start with '#' are skipped. Memory use does not grow with the trace.
class TraceReader {
  public:
    /// Borrows the stream; `file` names it in messages.
    TraceReader(std::istream& in, std::string file, std::int64_t capacity_bytes);

    /// The next request; false at the end. Throws UserError, with the line's number, for a
    /// malformed line, an address beyond the capacity, cycles that go backwards, a trace without
    /// any request, and a stream that cannot be read to its end.
    [[nodiscard]] bool next(TraceRequest& request);

  private:
    [[nodiscard]] bool read_line();
    [[noreturn]] void fail(int column, const std::string& message, const std::string& hint) const;
    TraceRequest parse() const;

    std::istream* in_;
    std::string file_;
    std::int64_t capacity_;
    std::string line_;
    int number_ = 0;
    bool empty_ = true;
    Tick last_cycle_ = 0;
};

}  // namespace perfwatt::dram
