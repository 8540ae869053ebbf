%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Lines that have other people's texts in them.
-module(kazoo_numbers_line).

-export([plain/1, shortened/1]).

%% Control characters, the separators of lines and paragraphs, and invisible characters that
%% direct others: the same as in `report/sanitise.rs'.
-define(UNSAFE, "[\\x{00}-\\x{08}\\x{0A}-\\x{1F}\\x{7F}-\\x{9F}\\x{AD}\\x{61C}\\x{180E}\\x{200B}\\x{200E}\\x{200F}"
        "\\x{2028}-\\x{202E}\\x{2060}-\\x{206F}\\x{FEFF}\\x{FFF9}-\\x{FFFB}\\x{E0000}-\\x{E0FFF}]").

%% The most characters of a line in a log. Reports of a thousand numbers are longer.
-define(LONGEST_IN_LOG, 500).

%% @doc The line with unsafe characters escaped as in JSON: it does not control a
%% terminal, and does not look like two lines.
%% @end
-spec plain(Line :: unicode:chardata()) -> unicode:chardata().
plain(Line) ->
    case unicode:characters_to_binary(Line) of
        Text when is_binary(Text) ->
            case re:run(Text, ?UNSAFE, [unicode, {capture, none}]) of
                nomatch -> Text;
                match -> [safe(Character) || Character <- unicode:characters_to_list(Text)]
            end;
        {_Error, Valid, _Bytes} -> [plain(Valid), "\\ufffd"]
    end.

safe(Character) ->
    case re:run([Character], ?UNSAFE, [unicode, {capture, none}]) of
        nomatch -> Character;
        match when Character < 16#10000 -> escaped(Character);
        match ->
            Rest = Character - 16#10000,
            [escaped(16#D800 + (Rest bsr 10)), escaped(16#DC00 + (Rest band 16#3FF))]
    end.

escaped(Unit) -> io_lib:format("\\u~4.16.0b", [Unit]).

%% @doc The plain line for a log, cut after 500 characters.
-spec shortened(Line :: unicode:chardata()) -> binary().
shortened(Line) ->
    Text = unicode:characters_to_binary(plain(Line)),
    case string:length(Text) of
        Length when Length > ?LONGEST_IN_LOG ->
            unicode:characters_to_binary([string:slice(Text, 0, ?LONGEST_IN_LOG)
                                         ,io_lib:format("... (~b characters more)", [Length - ?LONGEST_IN_LOG])
                                         ]);
        _Short -> Text
    end.
