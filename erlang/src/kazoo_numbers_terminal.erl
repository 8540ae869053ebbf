%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The operator's terminal, which the group leader stands for.
%%
%% It may be in another node, and it may die in mid-run: then every request to
%% it fails with `terminated', which is no error of the command's. A process of
%% an application, one that answers a web request for example, has none: what it
%% prints would come out on the node's standard output.
%% @end
-module(kazoo_numbers_terminal).

-export([is_there/0, print/1, print/2, columns/0]).
-export([live/3, erase/1, plain/1]).

%% @doc Whether somebody reads what the calling process prints.
%%
%% The group leader of an application's processes is the application's master.
%% @end
-spec is_there() -> boolean().
is_there() -> application:get_application() =:= undefined.

%% @doc Prints the lines in one request; `gone' when nobody can read them.
-spec print(Lines :: [unicode:chardata()]) -> ok | gone.
print(Lines) ->
    print(0, Lines).

%% @doc The same, in the place of a live line of that length.
-spec print(Shown :: non_neg_integer(), Lines :: [unicode:chardata()]) -> ok | gone.
print(Shown, Lines) ->
    put_chars([erased(Shown) | [[plain(Line), $\n] || Line <- Lines]]).

%% Control characters, the separators of lines and paragraphs, and what is not seen
%% and directs what is: the same as in `report/sanitise.rs'.
-define(UNSAFE, "[\\x{00}-\\x{08}\\x{0A}-\\x{1F}\\x{7F}-\\x{9F}\\x{AD}\\x{61C}\\x{180E}\\x{200B}\\x{200E}\\x{200F}"
        "\\x{2028}-\\x{202E}\\x{2060}-\\x{206F}\\x{FEFF}\\x{FFF9}-\\x{FFFB}\\x{E0000}-\\x{E0FFF}]").

%% @doc One line that neither steers a terminal nor looks like two: other people's
%% texts are in it. What is taken out is shown escaped, as JSON writes it.
%% @end
-spec plain(Line :: unicode:chardata()) -> unicode:chardata().
plain(Line) ->
    case unicode:characters_to_binary(Line) of
        Text when is_binary(Text) ->
            case re:run(Text, ?UNSAFE, [unicode, {capture, none}]) of
                nomatch -> Text;
                match -> [harmless(Character) || Character <- unicode:characters_to_list(Text)]
            end;
        {_Error, Valid, _Bytes} -> [plain(Valid), "\\ufffd"]
    end.

harmless(Character) ->
    case re:run([Character], ?UNSAFE, [unicode, {capture, none}]) of
        nomatch -> Character;
        match when Character < 16#10000 -> escaped(Character);
        match ->
            Rest = Character - 16#10000,
            [escaped(16#D800 + (Rest bsr 10)), escaped(16#DC00 + (Rest band 16#3FF))]
    end.

escaped(Unit) -> io_lib:format("\\u~4.16.0b", [Unit]).

put_chars(Text) ->
    try io:put_chars(translated(Text))
    catch
        error:no_translation -> put_ascii(Text);
        _Class:_Reason -> gone
    end.

%% A terminal that knows ASCII alone still gets every line.
put_ascii(Text) ->
    try io:put_chars(ascii(Text))
    catch
        _Class:_Reason -> gone
    end.

%% A device that is not unicode prints escapes for what it cannot show, `sup' among
%% them. One that does not say what it is gets the text as it is.
translated(Text) ->
    Binary = unicode:characters_to_binary(Text),
    case is_ascii(Binary) orelse encoding() =/= latin1 of
        true -> Binary;
        false -> ascii(Binary)
    end.

encoding() ->
    case io:getopts() of
        Options when is_list(Options) -> proplists:get_value(encoding, Options);
        {error, _Reason} -> undefined
    end.

is_ascii(Binary) -> re:run(Binary, "[^\\x00-\\x7f]", [{capture, none}]) =:= nomatch.

ascii(Text) ->
    unicode:characters_to_binary([in_ascii(Character) || Character <- unicode:characters_to_list(Text)]).

in_ascii(Character) when Character < 128 -> Character;
in_ascii(16#2026) -> "...";
in_ascii(Dash) when Dash =:= 16#2013; Dash =:= 16#2014 -> $-;
in_ascii(Quote) when Quote =:= 16#2018; Quote =:= 16#2019 -> $';
in_ascii(Quote) when Quote =:= 16#201C; Quote =:= 16#201D -> $";
in_ascii(16#2192) -> "->";
in_ascii(16#00A0) -> $\s;
in_ascii(Character) -> io_lib:format("\\x{~.16B}", [Character]).

%% @doc Draws the live line over the one of that length which is there, and tells
%% the length of the new one.
%%
%% Blanks and carriage returns are what every terminal knows. The last column
%% stays free: a character there would begin a new line on some.
%% @end
-spec live(Shown :: non_neg_integer(), Line :: binary(), Columns :: pos_integer()) ->
          {ok, non_neg_integer()} | gone.
live(Shown, Line, Columns) ->
    Cut = string:slice(translated(plain(Line)), 0, Columns - 1),
    Length = string:length(Cut),
    case put_chars([$\r, Cut, lists:duplicate(max(0, Shown - Length), $\s), $\r]) of
        ok -> {ok, Length};
        gone -> gone
    end.

%% @doc Takes away a live line of that length.
-spec erase(Shown :: non_neg_integer()) -> ok | gone.
erase(0) -> ok;
erase(Shown) -> put_chars(erased(Shown)).

erased(0) -> [];
erased(Shown) -> [$\r, lists:duplicate(Shown, $\s), $\r].

%% @doc The width of the terminal, where it is one.
-spec columns() -> #{columns => pos_integer()}.
columns() ->
    try is_there() andalso io:columns() of
        {ok, Columns} -> #{columns => Columns};
        _None -> #{}
    catch
        _Class:_Reason -> #{}
    end.
