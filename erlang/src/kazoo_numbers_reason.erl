%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Errors of Kazoo, drivers and OTP, for messages.
%%
%% Such an error has the arguments of the call that failed: URLs with passwords,
%% connections, documents. A message has the kind of the error and the function that
%% failed, and never a term.
%% @end
-module(kazoo_numbers_reason).

-export([kind/1, crash/3, type/1]).

%% @doc The kind of an error: its tag, or `unknown' if that is no plain word.
-spec kind(term()) -> binary().
kind({Wrapper, Reason}) when Wrapper =:= error; Wrapper =:= exit; Wrapper =:= throw; Wrapper =:= 'EXIT' ->
    kind(Reason);
kind(Tuple) when is_tuple(Tuple), tuple_size(Tuple) > 0 -> kind(element(1, Tuple));
kind(Atom) when is_atom(Atom) ->
    Text = atom_to_binary(Atom, utf8),
    case is_name(Text) of
        true -> Text;
        false -> <<"unknown">>
    end;
kind(_Other) -> <<"unknown">>.

%% @doc The class and the kind of an exception, and the function that raised it.
-spec crash(Class :: atom(), Reason :: term(), Stack :: term()) -> binary().
crash(Class, Reason, Stack) ->
    iolist_to_binary([atom_to_binary(Class, utf8), $\s, kind(Reason), place(Stack)]).

place([{Module, Function, Arity, _Location} | _]) when is_atom(Module), is_atom(Function) ->
    Names = [atom_to_binary(Name, utf8) || Name <- [Module, Function]],
    case lists:all(fun is_name/1, Names) of
        true -> [" in ", lists:join($:, Names), $/, integer_to_list(arity(Arity))];
        false -> []
    end;
place(_Other) -> [].

arity(Arguments) when is_list(Arguments) -> length(Arguments);
arity(Arity) -> Arity.

%% An atom can have any text, a URL too.
is_name(Text) ->
    byte_size(Text) =< 64
        andalso re:run(Text, "^[a-z_][a-zA-Z0-9_]*$", [{capture, none}, dollar_endonly]) =:= match.

%% @doc The type of a term, in words.
-spec type(term()) -> binary().
type(Term) when is_map(Term) -> <<"a map">>;
type(Term) when is_tuple(Term) -> <<"a tuple">>;
type(Term) when is_list(Term) -> <<"a list">>;
type(Term) when is_float(Term) -> <<"a float">>;
type(Term) when is_integer(Term) -> <<"an integer">>;
type(Term) when is_atom(Term) -> <<"an atom">>;
type(Term) when is_binary(Term) -> <<"a binary">>;
type(Term) when is_function(Term) -> <<"a fun">>;
type(Term) when is_pid(Term) -> <<"a process identifier">>;
type(_Term) -> <<"a term of another type">>.
